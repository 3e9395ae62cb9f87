import API
import ArgumentParser

struct SecretRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove secrets: jobs that start from now on do not get them.")

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "Their names.")
  var names: [String]

  @Option(name: .shortAndLong, help: "Whose they are; by default those of all projects.")
  var project: String?

  func run() async throws {
    for name in names { try await connection.client.remove(secret: name, project: project) }
  }
}
