import API
import ArgumentParser
import NotebookStates

struct NotebookShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show all about a notebook, and what it was at its last stops.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var notebook: String

  func run() async throws {
    let details = try await connection.client.notebook(notebook)
    if output.json { return try Terminal.print(json: details) }
    let notebook = details.notebook
    let duration = { (seconds: Int) in describe(nanoseconds: Int64(seconds) * 1_000_000_000) }
    Terminal.print(
      listing([
        ("id", notebook.id), ("name", notebook.name), ("project", notebook.project), ("state", notebook.state.rawValue),
        ("reason", notebook.reason.rawValue), ("detail", notebook.detail), ("image", notebook.image),
        ("gpus", notebook.gpus == 0 ? nil : "\(notebook.gpus)"), ("cpus", notebook.cpus.map { "\($0)" }),
        ("memory", notebook.memoryBytes.map(describe(bytes:))), ("idle timeout", notebook.idleSeconds.map(duration)),
        ("max lifetime", notebook.lifetimeSeconds.map(duration)), ("fork of", notebook.forkOf), ("job", notebook.job),
        ("url", notebook.url), ("created", describe(time: notebook.createdNanoseconds)),
        ("started", notebook.startedNanoseconds.map(describe(time:))),
        ("stopped", notebook.stoppedNanoseconds.map(describe(time:))),
      ]))
    if details.snapshots.isEmpty { return }
    var table = Table(("SNAPSHOT", .right), ("TAKEN", .left), ("WORKSPACE", .left))
    for snapshot in details.snapshots {
      table.add("\(snapshot.number)", describe(time: snapshot.createdNanoseconds), snapshot.workspace)
    }
    Terminal.print("\n" + table.text)
  }
}
