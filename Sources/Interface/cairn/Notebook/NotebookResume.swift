import API
import ArgumentParser

struct NotebookResume: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Start a stopped notebook again, and print an address for a browser.",
    discussion: "Files and packages are as they were. Kernels are new.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var notebook: String

  @Flag(name: .shortAndLong, help: "Do not wait until it runs; print its identifier.")
  var detach = false

  func run() async throws {
    let client = connection.client
    let notebook = try await client.resume(notebook: notebook)
    if detach {
      if output.json { try Terminal.print(json: notebook) } else { Terminal.print(notebook.id) }
      return
    }
    try await NotebookFollower(client: client, id: notebook.id).showAddress(asJSON: output.json)
  }
}
