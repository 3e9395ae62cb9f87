import API
import ArgumentParser

struct NotebookRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove stopped notebooks, with their files, packages and snapshots.")

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "Identifiers, beginnings of them, or names.")
  var notebooks: [String]

  func run() async throws {
    for notebook in notebooks { try await connection.client.remove(notebook: notebook) }
  }
}
