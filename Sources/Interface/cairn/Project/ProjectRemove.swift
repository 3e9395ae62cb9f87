import API
import ArgumentParser

struct ProjectRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove projects that have no jobs.")

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "Their names.")
  var names: [String]

  func run() async throws {
    for name in names { try await connection.client.remove(project: name) }
  }
}
