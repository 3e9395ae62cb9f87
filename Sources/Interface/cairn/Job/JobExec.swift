import API
import ArgumentParser
import Glibc
import Linux

struct JobExec: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Run a command in a running job's container, beside the job's own.",
    discussion: "With --interactive it reads what this program reads. Its exit code is passed on.")

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var job: String

  @Flag(name: .shortAndLong, help: "Pass standard input on.")
  var interactive = false

  @Option(name: .shortAndLong, help: ArgumentHelp("A variable; may be repeated.", valueName: "KEY=VALUE"))
  var env: [String] = []

  @Argument(parsing: .postTerminator, help: "The command, after `--`; run as it is, by no shell.")
  var command: [String] = []

  func validate() throws {
    if command.isEmpty { throw ValidationError("Give a command after `--`, such as: cairn job exec JOB -- ps aux") }
    for variable in env where !variable.contains("=") || variable.hasPrefix("=") {
      throw ValidationError("--env takes KEY=VALUE, not `\(variable)`.")
    }
  }

  func run() async throws {
    var environment: [String: String] = [:]
    for variable in env {
      let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      environment[String(parts[0])] = String(parts[1])
    }
    let code = try await connection.client.exec(
      in: job, ExecRequest(command: command, environment: environment, input: interactive),
      input: interactive ? standardInput() : nil
    ) { stream, data in
      Terminal.write(Array(data), to: stream == .stdout ? 1 : 2)
    }
    if code != 0 { throw ExitCode(code) }
  }

  /// Read by a thread of its own, which waits for as long as nothing comes.
  private func standardInput() -> AsyncStream<[UInt8]> {
    let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
    _ = WorkerThread(name: "input") {
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      while case let count = Glibc.read(0, &buffer, buffer.count), count > 0 {
        continuation.yield(Array(buffer[..<count]))
      }
      continuation.finish()
    }
    return stream
  }
}
