import API
import ArgumentParser

struct ArtifactRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove a job's artifacts, or some of them.")

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "The job.")
  var job: String

  @Argument(help: "A directory or file among the artifacts; by default all of them.")
  var path: String?

  func run() async throws {
    try await connection.client.removeArtifacts(of: job, path: Array((path ?? "").utf8))
  }
}
