public import FoundationEssentials
public import JobStates

/// The body of `POST /v1/jobs/{job}/exec`: a command to run in the job's container, beside the job's own.
public struct ExecRequest: Codable, Sendable {
  public var command: [String]
  public var environment: [String: String]?
  /// Whether it reads what is sent to `/v1/jobs/{job}/exec/{exec}/input`; nil: no.
  public var input: Bool?
  /// How large the terminal is that it runs in, at first: later `/v1/jobs/{job}/exec/{exec}/size` is told. All that it writes
  /// comes as `stdout` then. nil: it runs in none.
  public var terminal: TerminalSize?

  public init(
    command: [String], environment: [String: String]? = nil, input: Bool? = nil, terminal: TerminalSize? = nil
  ) {
    self.terminal = terminal
    self.command = command
    self.environment = environment
    self.input = input
  }
}

/// A line of the answer. One of its parts is there.
public struct ExecEvent: Codable, Sendable {
  /// The first: by which input and sizes are sent to it.
  public var exec: String?
  /// What it wrote, and where to.
  public var stream: LogLine.Stream?
  public var data: Data?
  /// The last.
  public var exitCode: Int32?

  public init(exec: String) { self.exec = exec }

  public init(stream: LogLine.Stream, data: Data) {
    self.stream = stream
    self.data = data
  }

  public init(exitCode: Int32) { self.exitCode = exitCode }
}
