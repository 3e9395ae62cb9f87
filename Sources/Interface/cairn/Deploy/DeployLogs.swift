import API
import ArgumentParser

struct DeployLogs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Print what the replicas wrote, or the requests that came.",
    discussion: "With --json, one object a line.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "The deployment's name.")
  var name: String

  @Flag(name: .shortAndLong, help: "Go on until Ctrl-C.")
  var follow = false

  @Option(name: .shortAndLong, help: ArgumentHelp("Begin this many lines before the end.", valueName: "lines"))
  var tail: Int?

  @Option(help: "Only of this replica.")
  var replica: String?

  @Flag(help: "The last requests instead: time, status, duration, who asked for what, and who answered.")
  var requests = false

  func validate() throws {
    if let tail, tail < 0 { throw ValidationError("--tail must not be negative.") }
    if requests && (follow || replica != nil) { throw ValidationError("--requests takes --tail only.") }
  }

  func run() async throws {
    if requests { return try await showRequests() }
    try await connection.client.logs(ofDeployment: name, replica: replica, follow: follow, tail: tail) { entry in
      if output.json { return try Terminal.print(json: entry) }
      Terminal.print("\(entry.container.split(separator: "-").suffix(2).joined(separator: "-")): \(entry.line.text)")
    }
  }

  private func showRequests() async throws {
    let limit = min(max(tail ?? 100, 1), 10_000)
    for entry in try await connection.client.requests(ofDeployment: name, limit: limit) {
      if output.json {
        try Terminal.print(json: entry)
      } else {
        Terminal.print(
          "\(describe(time: entry.timeNanoseconds)) \(entry.status) \(entry.milliseconds) ms \(entry.client)"
            + " \(entry.method) \(entry.path) \(entry.container ?? "-")")
      }
    }
  }
}
