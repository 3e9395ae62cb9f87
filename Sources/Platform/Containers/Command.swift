import Linux
import Subprocess
import SystemPackage

/// Runs a program to its end and returns what it said.
public struct Command: Sendable {
  public struct Result: Sendable {
    /// 128 and the signal's number where a signal ended it.
    public let status: Int32
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

  /// - Parameter directory: where the program runs.
  /// - Throws: ``TimeLimitExceeded``; `SubprocessError` where there is no such program.
  public static func run(_ arguments: [String], in directory: String = "/", timeLimit: Duration) async throws -> Result
  {
    try await withThrowingTaskGroup(of: Result.self) { group in
      group.addTask { try await run(arguments, directory) }
      group.addTask {
        try await Task.sleep(for: timeLimit)
        throw TimeLimitExceeded()
      }
      defer { group.cancelAll() }
      guard let result = try await group.next() else { throw CancellationError() }
      return result
    }
  }

  private static func run(_ arguments: [String], _ directory: String) async throws -> Result {
    var options = PlatformOptions()
    // A session of its own: Ctrl-C in the daemon's terminal must not reach podman half-way, nor the
    // monitor of a container that it starts.
    options.createSession = true
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
    let result = try await Subprocess.run(
      programPath(arguments[0]).map { .path(FilePath($0)) } ?? .name(arguments[0]),
      arguments: Arguments(Array(arguments.dropFirst())),
      // The daemon's own notification socket is not for containers.
      environment: .inherit.updating(["NOTIFY_SOCKET": nil]), workingDirectory: .init(directory),
      platformOptions: options,
      output: .string(limit: outputLimit), error: .string(limit: outputLimit))
    let status: Int32 =
      switch result.terminationStatus {
      case .exited(let code): code
      case .signaled(let signal): 128 + signal
      }
    return Result(status: status, output: result.standardOutput, error: result.standardError)
  }
}
