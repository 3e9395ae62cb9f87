import API
import ArgumentParser

struct JobRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove ended jobs: their records, logs and workspaces.")

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "Identifiers, beginnings of them, or names.")
  var jobs: [String]

  @Flag(help: "Remove their artifacts too.")
  var artifacts = false

  func run() async throws {
    for job in jobs { try await connection.client.remove(job: job, artifacts: artifacts) }
  }
}
