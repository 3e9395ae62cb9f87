import API
import ArgumentParser
import Wire

struct NotebookLogs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Print what a notebook's server wrote since its last start.",
    discussion: "With --json, one object a line.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var notebook: String

  @Flag(name: .shortAndLong, help: "Go on until it stops.")
  var follow = false

  @Option(name: .shortAndLong, help: ArgumentHelp("Begin this many lines before the end.", valueName: "lines"))
  var tail: Int?

  func validate() throws {
    if let tail, tail < 0 { throw ValidationError("--tail must not be negative.") }
  }

  func run() async throws {
    let client = connection.client
    guard let job = try await client.notebook(notebook).notebook.job else {
      throw APIError.notFound("Notebook \(notebook) was never started.", subject: notebook)
    }
    try await client.logs(of: job, follow: follow, tail: tail) { line in
      if output.json { try Terminal.print(json: line) } else { show(line) }
    }
  }
}
