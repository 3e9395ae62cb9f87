import API
import ArgumentParser
import JobStates

struct JobTensorBoard: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tensorboard", abstract: "Open a TensorBoard over a job's artifacts, and print an address.",
    discussion: """
      The job may still run: what it writes is shown. The program is that of the job's image, or else this host's. It is stopped when \
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
    var status = try await open(onHost: false)
    if status.job.state == .failed, status.job.image != "host" {
      Terminal.complain("cairn: image \(status.job.image) has no TensorBoard that starts; this host's is tried")
      status = try await open(onHost: true)
    }
    if status.isReady { return status }
    Terminal.complain(
      "cairn: the TensorBoard of job \(job) did not start: job \(status.job.id) is \(status.job.state.rawValue)")
    try await client.logs(of: status.job.id, follow: false, tail: 20) { show($0) }
    throw ExitCode.failure
  }

  /// Returns when it answers, has ended, or was waited for long enough.
  private func open(onHost: Bool) async throws -> TensorBoardStatus {
    _ = try await client.openTensorBoard(of: job, onHost: onHost)
    let deadline = ContinuousClock.now + Self.patience
    while true {
      let status = try await client.tensorBoard(of: job)
      if status.isReady || status.job.state.isTerminal || .now > deadline { return status }
      try await Task.sleep(for: .milliseconds(200))
    }
  }
}
