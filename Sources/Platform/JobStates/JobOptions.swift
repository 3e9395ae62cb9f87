/// A secret that a job is given: as a variable or as a file.
public struct SecretUse: Hashable, Codable, Sendable {
  /// Its name, in the job's project or in all.
  public var name: String
  /// The environment variable that has its value; nil: none.
  public var variable: String?
  /// The path of a file in memory that has its value; nil: none.
  public var file: String?

  public init(name: String, variable: String) {
    self.name = name
    self.variable = variable
  }

  public init(name: String, file: String) {
    self.name = name
    self.file = file
  }
}

/// Which attempts are followed by another, and when.
public struct RetryPolicy: Hashable, Codable, Sendable {
  /// Ends that an attempt may have to be followed by another.
  public static let possible: Set<JobState> = [.failed, .outOfMemory, .lost, .timedOut]
  /// Not after a time-out: what took too long once mostly does again.
  public static let standard = RetryPolicy(on: [.failed, .outOfMemory, .lost], delaySeconds: 1)
  /// No delay grows beyond this.
  public static let longestDelay = 3600

  public var on: Set<JobState>
  /// Between the first two attempts; it doubles with each further one.
  public var delaySeconds: Int

  public init(on: Set<JobState>, delaySeconds: Int) {
    self.on = on
    self.delaySeconds = delaySeconds
  }

  /// Seconds between the end of attempt `number` and the next one's start.
  public func delay(after number: Int) -> Int {
    // 2^12 seconds are more than the longest.
    min(delaySeconds << min(max(number - 1, 0), 12), Self.longestDelay)
  }
}

/// A job that another waits for in the queue.
public struct JobDependency: Hashable, Codable, Sendable {
  public enum Condition: String, Codable, CaseIterable, Sendable {
    /// That it has succeeded.
    case ok
    /// That it has ended.
    case any
  }

  /// The full identifier.
  public var job: String
  public var condition: Condition

  public init(job: String, condition: Condition) {
    self.job = job
    self.condition = condition
  }
}

/// A TCP port of a container that the host listens on for it.
public struct PublishedPort: Hashable, Codable, Sendable {
  /// The address of the host that it is reached at.
  public var address: String
  /// nil: one that is free is chosen.
  public var host: UInt16?
  public var container: UInt16

  public init(address: String = "127.0.0.1", host: UInt16? = nil, container: UInt16) {
    self.address = address
    self.host = host
    self.container = container
  }
}

/// An image by its content: what its name stood for when the first attempt began.
public struct PinnedImage: Hashable, Codable, Sendable {
  /// podman's own, `sha256:` and hexadecimal digits.
  public var id: String
  /// Of its manifest, by which registries know it; nil: none does.
  public var digest: String?

  public init(id: String, digest: String?) {
    self.id = id
    self.digest = digest
  }
}

/// How much a terminal shows.
public struct TerminalSize: Hashable, Codable, Sendable {
  public var rows: UInt16
  public var columns: UInt16

  public init(rows: UInt16, columns: UInt16) {
    self.rows = rows
    self.columns = columns
  }
}

/// A process of the host that was seen once, and may have ended since.
public struct ProcessHandle: Hashable, Codable, Sendable {
  public var pid: Int32
  /// Clock ticks between the host's start and its own, which tells it from another that has its number.
  public var startTicks: UInt64

  public init(pid: Int32, startTicks: UInt64) {
    self.pid = pid
    self.startTicks = startTicks
  }
}
