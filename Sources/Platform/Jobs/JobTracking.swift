public import ControlDatabase
public import JobStates

/// What jobs ask of the tracker. Each call may be repeated.
public protocol JobTracking: Sendable {
  /// By which programs in the attempt's container find the tracker, and who they are to it.
  func environment(of attempt: Attempt, of job: Job) async throws -> [String: String]
  /// Closes the runs that the attempt has left open, and its access to the tracker.
  /// - Parameter time: nanoseconds since 1970.
  func end(_ attempt: Attempt, of job: Job, as state: JobState, time: Int64) async throws
}
