import API
import ArgumentParser
import StorageAPI

struct VolumeList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List volumes.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Option(help: "Only of this kind.")
  var kind: Volume.Kind?

  func run() async throws {
    let volumes = try await connection.client.volumes().filter { kind == nil || $0.kind == kind }
    if output.json { return try Terminal.print(json: StorageAPI.VolumeList(volumes: volumes)) }
    Terminal.print(volumeTable(volumes))
  }
}
