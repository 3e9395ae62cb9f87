/// What a queued job waits for. The raw value is what the API and the CLI show.
public enum WaitCode: String, CaseIterable, Codable, Sendable {
  /// GPUs, shards or MIG instances that other jobs hold.
  case gpus
  /// GPUs that programs which are no jobs are on, among others.
  case gpusInUse = "gpus_in_use"
  /// GPUs that can't be used: there are not enough others.
  case gpusFaulty = "gpus_faulty"
  case cpus
  case memory
  /// There would be enough for it, but that is kept for a job before it.
  case reserved
  /// Jobs that it goes before have been told to end.
  case preempting
  /// Its project has as much as it may have.
  case quota
  /// The other jobs of its group.
  case group
  /// Another job that has to end first.
  case dependency
  /// The time before its next attempt.
  case delay
  /// More than this host has.
  case never
}
