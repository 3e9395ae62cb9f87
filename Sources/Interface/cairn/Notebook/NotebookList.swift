import API
import ArgumentParser
import Linux
import NotebookStates

struct NotebookList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List notebooks, the newest first.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let notebooks = try await connection.client.notebooks()
    if output.json { return try Terminal.print(json: API.NotebookList(notebooks: notebooks)) }
    var table = Table(
      ("ID", .left), ("NAME", .left), ("PROJECT", .left), ("STATE", .left), ("GPUS", .right), ("IMAGE", .left),
      ("AGE", .right), ("URL", .left))
    let now = nanosecondsNow()
    for notebook in notebooks {
      table.add(
        notebook.id, notebook.name, notebook.project, notebook.state.rawValue, "\(notebook.gpus)", notebook.image,
        describe(nanoseconds: now - notebook.createdNanoseconds),
        notebook.state.isReachable ? notebook.url ?? "" : "")
    }
    Terminal.print(table.text)
  }
}
