import API
import ArgumentParser

struct DeployRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove deployments: requests that are being answered are finished first.")

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "The deployments' names.")
  var names: [String]

  func run() async throws {
    for name in names { try await connection.client.remove(deployment: name) }
  }
}
