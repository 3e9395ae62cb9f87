import API
import ArgumentParser
import NotebookStates

struct NotebookStop: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop", abstract: "Stop notebooks: kernels end, files and packages stay, as a snapshot too.",
    discussion: "Returns when they have stopped.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifiers, beginnings of them, or names.")
  var notebooks: [String]

  @Flag(name: .shortAndLong, help: "Do not wait until they have stopped.")
  var detach = false

  func run() async throws {
    let client = connection.client
    for reference in notebooks {
      var notebook = try await client.stop(notebook: reference)
      if !detach { notebook = try await NotebookFollower(client: client, id: notebook.id).untilItHasStopped() }
      if output.json {
        try Terminal.print(json: notebook)
      } else {
        Terminal.print("\(notebook.id) \(notebook.state.rawValue)")
      }
    }
  }
}
