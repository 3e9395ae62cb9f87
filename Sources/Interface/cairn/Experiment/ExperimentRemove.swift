import API
import ArgumentParser

struct ExperimentRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove ended experiments with their jobs; artifacts and checkpoints only if asked to."
  )

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "Identifiers, beginnings of them, or names.")
  var experiments: [String]

  @Flag(help: "Remove their jobs' artifacts, and checkpoints, too.")
  var artifacts = false

  func run() async throws {
    for experiment in experiments {
      try await connection.client.remove(experiment: experiment, artifacts: artifacts)
    }
  }
}
