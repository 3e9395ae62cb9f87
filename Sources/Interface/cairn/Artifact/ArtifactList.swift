import API
import ArgumentParser
import FoundationEssentials
import Workspace

struct ArtifactList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List a job's artifacts.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "The job.")
  var job: String

  @Argument(help: "A directory or file among the artifacts.")
  var path: String?

  @Flag(name: .shortAndLong, help: "With all that is in the directories.")
  var recursive = false

  func run() async throws {
    let list = try await connection.client.artifacts(of: job, path: Array((path ?? "").utf8), recursive: recursive)
    if output.json { return try Terminal.print(json: list) }
    var table = Table(("SIZE", .right), ("MODIFIED", .left), ("PATH", .left))
    for entry in list.entries {
      var name = printable(entry.pathBytes)
      if entry.kind == .directory { name += "/" }
      if let target = entry.target { name += " -> " + printable(target) }
      table.add(
        entry.kind == .file ? describe(bytes: entry.size) : "", describe(time: entry.modifiedNanoseconds), name)
    }
    Terminal.print(table.text)
  }
}
