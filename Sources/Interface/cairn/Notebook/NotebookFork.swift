import API
import ArgumentParser

struct NotebookFork: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fork", abstract: "Make a new notebook of the files and packages of another one.",
    discussion: """
      Nothing is copied, whatever the size, and the other one may run on. The new one is stopped: \
      `cairn notebook resume` starts it.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var notebook: String

  @Option(name: .shortAndLong, help: "A name for the new one.")
  var name: String?

  @Option(name: .shortAndLong, help: "The new one's project; by default the other's.")
  var project: String?

  @Option(help: ArgumentHelp("What it was at one of its stops; `show` lists them.", valueName: "number"))
  var snapshot: Int?

  func run() async throws {
    let fork = try await connection.client.fork(
      notebook: notebook, API.NotebookFork(name: name, project: project, snapshot: snapshot))
    if output.json { try Terminal.print(json: fork) } else { Terminal.print(fork.id) }
  }
}
