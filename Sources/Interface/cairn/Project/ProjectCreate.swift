import API
import ArgumentParser

struct ProjectCreate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a project.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Its name.")
  var name: String

  func run() async throws {
    let project = try await connection.client.create(project: name)
    if output.json { try Terminal.print(json: project) } else { Terminal.print(project.name) }
  }
}
