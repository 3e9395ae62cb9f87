public import JobStates

/// What a job lacks.
public struct Shortage: Hashable, Sendable {
  public enum Resource: Hashable, Sendable {
    case gpus, shards(of: Int), instances(profile: String)
    /// In thousandths.
    case cpus
    /// In bytes.
    case memory
  }

  public var resource: Resource
  public var needed: Int
  public var free: Int
  /// GPUs that programs which are no jobs are on.
  public var external: Int
  /// GPUs that can't be used.
  public var faulty = 0
}

/// Why a job has not started.
public enum WaitReason: Hashable, Sendable {
  /// It is the first in the queue that waits for resources. They will be there at `by` at the latest (nanoseconds since
  /// 1970; nil: nobody knows), when `job`, the last of those that it waits for, ends.
  case resources(Shortage, by: Int64?, job: String?)
  /// There are `ahead` jobs before it in the queue, and not enough for it now either.
  case turn(Shortage, ahead: Int)
  /// There would be enough for it, but it would run into the time for which `job` has its turn: `by`, or nobody knows.
  case reserved(job: String, by: Int64?)
  /// Jobs that it goes before were told to end.
  case preempting(jobs: [String], Shortage)
  /// Its project has as much as it may have.
  case quota(QuotaLimit, used: Int, needed: Int, limit: Int)
  /// Not all of its group are in the queue.
  case group(present: Int, members: Int)
  /// Jobs, this one among them, have to end first: it was submitted so.
  case dependency(job: String)
  /// Its next attempt begins no earlier than `until`, in nanoseconds since 1970.
  case delay(until: Int64)
  /// The host has not enough for it, whatever ends.
  case never(Shortage)

  public enum QuotaLimit: Hashable, Sendable {
    /// In thousandths.
    case gpus
    case running
  }

  public var code: WaitCode {
    switch self {
    case .resources(let shortage, _, _), .turn(let shortage, _):
      switch shortage.resource {
      case .gpus, .shards, .instances: shortage.external > 0 ? .gpusInUse : .gpus
      case .cpus: .cpus
      case .memory: .memory
      }
    case .reserved: .reserved
    case .preempting: .preempting
    case .quota: .quota
    case .group: .group
    case .dependency: .dependency
    case .delay: .delay
    case .never(let shortage): shortage.faulty > 0 ? .gpusFaulty : .never
    }
  }
}
