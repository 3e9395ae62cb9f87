import API
import ArgumentParser
import Glibc
import JobStates
import Linux

struct JobExec: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Run a command in a running job's container, beside the job's own.",
    discussion: """
      With --interactive it reads what this program reads, with --tty it runs in a terminal. Its exit code is passed on. \
      When this program is ended, so is the command.
      """)

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var job: String

  @Flag(name: .shortAndLong, help: "Pass standard input on.")
  var interactive = false

  @Flag(name: .shortAndLong, help: "Run it in a terminal, which also reads what is typed here; for a shell.")
  var tty = false

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
    var request = ExecRequest(command: command, environment: environment, input: interactive || tty)
    let code = try await tty ? runInTerminal(&request) : run(request)
    if code != 0 { throw ExitCode(code) }
  }

  private func run(_ request: ExecRequest) async throws -> Int32 {
    try await connection.client.exec(in: job, request, input: interactive ? standardInput() : nil) { stream, data in
      Terminal.write(Array(data), to: stream == .stdout ? 1 : 2)
    }
  }

  private func runInTerminal(_ request: inout ExecRequest) async throws -> Int32 {
    if request.environment?["TERM"] == nil {
      request.environment?["TERM"] = getenv("TERM").map { String(cString: $0) } ?? "xterm"
    }
    request.terminal = RawTerminal.size
    let terminal = RawTerminal()
    defer { terminal.restore() }
    return try await withThrowingTaskGroup(of: Int32.self) {
      [client = connection.client, job, request, input = standardInput()] group in
      group.addTask {
        let (sizes, continuation) = AsyncStream.makeStream(of: TerminalSize.self)
        let passing = Task { for await _ in signals(SIGWINCH) { continuation.yield(RawTerminal.size) } }
        defer { passing.cancel() }
        return try await client.exec(in: job, request, input: input, sizes: sizes) { _, data in
          Terminal.write(Array(data), to: 1)
        }
      }
      group.addTask {
        // Ctrl-C is a key like any other here, and belongs to the command.
        for await number in signals(SIGTERM, SIGHUP) { throw ExitCode(128 + number) }
        throw CancellationError()
      }
      defer { group.cancelAll() }
      return try await group.next() ?? 1
    }
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
