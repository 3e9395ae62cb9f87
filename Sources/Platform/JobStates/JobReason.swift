/// Why a job is in the state it is in. The raw value is what the database, the API and the CLI show.
public enum JobReason: String, CaseIterable, Codable, Sendable {
  /// It was submitted.
  case submitted
  /// An attempt failed and another one is due.
  case retry
  /// Its resources are free.
  case resourcesLeased = "resources_leased"
  case containerStarted = "container_started"
  /// Its command ended; the exit code says how.
  case exitCode = "exit_code"
  /// Its command was killed by a signal that Cairn did not send.
  case signal
  /// The kernel killed one of its processes because the job's memory limit was reached.
  case memoryLimit = "memory_limit"
  /// Somebody asked for it to stop.
  case requested
  /// It ran longer than its time-out.
  case timeLimit = "time_limit"
  /// A job that goes before it needed what it held.
  case preempted
  /// The image is not known on this host and could not be pulled.
  case imageNotFound = "image_not_found"
  /// Its image could not be built from the Dockerfile in its workspace.
  case imageBuildFailed = "image_build_failed"
  /// A secret that it asks for is not there any more, or can't be read.
  case secretMissing = "secret_missing"
  /// A job that it waited for did not end as it had to.
  case dependencyFailed = "dependency_failed"
  /// One of the jobs that it was to start together with ended before they did.
  case groupIncomplete = "group_incomplete"
  /// Its workspace or artifacts could not be prepared.
  case storageFailed = "storage_failed"
  /// podman could not create or start its container.
  case containerFailed = "container_failed"
  /// The container vanished while the daemon was away or without telling.
  case containerVanished = "container_vanished"
  /// The host was restarted while it ran.
  case hostRestarted = "host_restarted"
}
