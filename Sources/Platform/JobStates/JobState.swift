/// Where a job stands. The raw value is what the database, the API and the CLI show.
public enum JobState: String, CaseIterable, Codable, Sendable {
  /// Waits for its resources.
  case queued
  /// Its resources are leased; its volumes, image and container are being prepared.
  case starting
  case running
  /// Its container was told to end, by somebody or because its time was up, and has not ended yet.
  case stopping
  /// Ended with exit code 0.
  case succeeded
  /// Ended with another exit code, or could not be started.
  case failed
  /// Ended because somebody asked for it.
  case stopped
  case timedOut = "timed_out"
  case outOfMemory = "out_of_memory"
  /// Its container vanished: nobody knows how it ended.
  case lost

  /// Whether the job is over: its record changes no more, its artifacts are sealed.
  public var isTerminal: Bool {
    switch self {
    case .queued, .starting, .running, .stopping: false
    case .succeeded, .failed, .stopped, .timedOut, .outOfMemory, .lost: true
    }
  }

  /// Whether the job holds resources, and perhaps a container.
  public var isActive: Bool { self == .starting || self == .running || self == .stopping }
}
