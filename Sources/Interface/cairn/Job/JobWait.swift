import API
import ArgumentParser
import JobStates

struct JobWait: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait", abstract: "Wait until a job has ended, and exit as it did.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var job: String

  func run() async throws {
    let job = try await connection.client.wait(for: job)
    if output.json { try Terminal.print(json: job) } else { Terminal.print("\(job.id) \(job.state.rawValue)") }
    let code = programExitCode(for: job)
    if code != 0 { throw ExitCode(code) }
  }
}

/// What a program that stands for an ended job exits with: the job's own exit code, and 1 where it
/// did not succeed and has none.
func programExitCode(for job: Job) -> Int32 {
  if job.state == .succeeded { return 0 }
  guard let code = job.exitCode, code != 0 else { return 1 }
  return code
}
