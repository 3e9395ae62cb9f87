import API
import ArgumentParser

struct JobLogs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Print what a job wrote.",
    discussion: "What it wrote to standard error comes on standard error. With --json, one object a line.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var job: String

  @Flag(name: .shortAndLong, help: "Go on until the job ends.")
  var follow = false

  @Option(name: .shortAndLong, help: ArgumentHelp("Begin this many lines before the end.", valueName: "lines"))
  var tail: Int?

  @Option(help: "Of this attempt, from 1; by default of the last.")
  var attempt: Int?

  func validate() throws {
    if let tail, tail < 0 { throw ValidationError("--tail must not be negative.") }
    if let attempt, attempt < 1 { throw ValidationError("--attempt counts from 1.") }
  }

  func run() async throws {
    try await connection.client.logs(of: job, follow: follow, attempt: attempt, tail: tail) { line in
      if output.json { try Terminal.print(json: line) } else { show(line) }
    }
  }
}

/// Writes a line where the job wrote it to.
func show(_ line: LogLine) {
  switch line.stream {
  case .stdout: Terminal.print(line.text)
  case .stderr: Terminal.complain(line.text)
  }
}
