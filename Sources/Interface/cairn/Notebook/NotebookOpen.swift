import API
import ArgumentParser

struct NotebookOpen: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "open", abstract: "Print an address for a browser.",
    discussion: """
      It lets in whoever has it, for five minutes; the browser that has used it meanwhile, for a month. The address \
      without what is after the question mark stays the same and can be bookmarked.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var notebook: String

  func run() async throws {
    let address = try await connection.client.open(notebook: notebook)
    if output.json { try Terminal.print(json: address) } else { Terminal.print(address.url) }
  }
}
