import Linux
import Subprocess
import SystemPackage

/// Runs a program to its end and returns what it said.
public struct Command: Sendable {
  public struct Result: Sendable {
    /// 128 and the signal's number where a signal ended it.
    public let status: Int32
    /// What ended it; nil: it ended by itself.
    public let signal: Int32?
    public let output: String
    public let error: String

    /// What it complained of, as one line.
    public var complaint: String {
      let text = error.isEmpty ? output : error
      let lines = text.split(whereSeparator: \.isNewline).map(String.init)
      let complaint = lines.last { $0.hasPrefix("Error:") } ?? lines.last ?? "exit status \(status)"
      return complaint.hasPrefix("Error: ") ? String(complaint.dropFirst(7)) : complaint
    }
  }

  public struct TimeLimitExceeded: Error {}

  /// The most that a program may say.
  private static let outputLimit = 16 << 20

  /// - Parameters:
  ///   - directory: where the program runs.
  ///   - line: called with each line that it writes to standard error, as it comes.
  /// - Throws: ``TimeLimitExceeded``; `SubprocessError` where there is no such program.
  public static func run(
    _ arguments: [String], in directory: String = "/", timeLimit: Duration,
    line: (@Sendable (String) async -> Void)? = nil
  ) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
      group.addTask { try await run(arguments, directory, line) }
      group.addTask {
        try await Task.sleep(for: timeLimit)
        throw TimeLimitExceeded()
      }
      defer { group.cancelAll() }
      guard let result = try await group.next() else { throw CancellationError() }
      return result
    }
  }

  private static func run(
    _ arguments: [String], _ directory: String, _ line: (@Sendable (String) async -> Void)?
  ) async throws -> Result {
    var options = PlatformOptions()
    // A session of its own: Ctrl-C in the daemon's terminal must not reach podman half-way, nor the
    // monitor of a container that it starts.
    options.createSession = true
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
    let configuration = Subprocess.Configuration(
      executable: programPath(arguments[0]).map { .path(FilePath($0)) } ?? .name(arguments[0]),
      arguments: Arguments(Array(arguments.dropFirst())),
      // The daemon's own notification socket is not for containers.
      environment: .inherit.updating(["NOTIFY_SOCKET": nil]), workingDirectory: .init(directory),
      platformOptions: options)
    guard let line else {
      let result = try await Subprocess.run(
        configuration, output: .string(limit: outputLimit), error: .string(limit: outputLimit))
      return Result(result.terminationStatus, output: result.standardOutput, error: result.standardError)
    }
    let result = try await Subprocess.run(
      configuration, input: .none, output: .string(limit: outputLimit), error: .sequence
    ) { execution in
      var said = ""
      for try await text in execution.standardError.strings() {
        if said.utf8.count < outputLimit { said += text + "\n" }
        await line(text)
      }
      return said
    }
    return Result(result.terminationStatus, output: result.standardOutput, error: result.closureResult)
  }
}

extension Command.Result {
  fileprivate init(_ ending: TerminationStatus, output: String, error: String) {
    switch ending {
    case .exited(let code): self.init(status: code, signal: nil, output: output, error: error)
    case .signaled(let number): self.init(status: 128 + number, signal: number, output: output, error: error)
    }
  }
}
