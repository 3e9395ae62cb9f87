import API
import ArgumentParser
import JobStates

struct JobTensorBoard: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tensorboard", abstract: "Open a TensorBoard over a job's artifacts, and print an address.",
    discussion: """
      The job may still run: what it writes is shown. The program is the one of the job's image. It is stopped when \
      nobody has looked at it for two hours, or for a quarter of one once the job has ended.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var job: String

  func run() async throws {
    let client = connection.client
    let status = try await TensorBoardOpener(client: client, job: client.job(job).job.id).run()
    if output.json { try Terminal.print(json: status) } else { Terminal.print(status.url) }
  }
}

/// Opens the TensorBoard of a job, and waits until it answers.
struct TensorBoardOpener: Sendable {
  /// It imports much.
  private static let patience = Duration.seconds(120)

  let client: CairnClient
  let job: String

  /// - Throws: `ExitCode` 1, with the reason told, where it does not come up.
  func run() async throws -> TensorBoardStatus {
    _ = try await client.openTensorBoard(of: job)
    let deadline = ContinuousClock.now + Self.patience
    while true {
      let status = try await client.tensorBoard(of: job)
      if status.isReady { return status }
      guard !status.job.state.isTerminal, .now < deadline else {
        Terminal.complain(
          "cairn: the TensorBoard of job \(job) did not start: job \(status.job.id) is \(status.job.state.rawValue)")
        try await client.logs(of: status.job.id, follow: false, tail: 20) { show($0) }
        throw ExitCode.failure
      }
      try await Task.sleep(for: .milliseconds(200))
    }
  }
}
