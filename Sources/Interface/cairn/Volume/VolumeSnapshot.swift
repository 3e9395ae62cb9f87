import API
import ArgumentParser
import StorageAPI

struct VolumeSnapshot: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot", abstract: "Make an immutable copy of a volume as it is now.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Number or path.")
  var volume: String

  @Argument(help: "Where the snapshot appears: a name below volumes/ or a path under the mount; by default nowhere.")
  var path: String?

  func run() async throws {
    let client = connection.client
    let snapshot = try await client.snapshot(client.volume(named: volume).id, path: path.map(volumePath))
    if output.json { try Terminal.print(json: snapshot) } else { Terminal.print("\(snapshot.id)") }
  }
}
