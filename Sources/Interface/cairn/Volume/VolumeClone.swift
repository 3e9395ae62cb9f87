import API
import ArgumentParser
import StorageAPI

struct VolumeClone: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clone", abstract: "Make a writable volume that begins as another one is now.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var limits: QuotaOptions

  @Argument(help: "Number or path.")
  var volume: String

  @Argument(help: "The clone's name below volumes/, or its path under the mount.")
  var path: String

  func run() async throws {
    let client = connection.client
    let clone = try await client.clone(
      client.volume(named: volume).id,
      NewVolume(
        kind: .persistent, path: volumePath(path), quotaBytes: limits.quota?.bytes, quotaInodes: limits.files))
    if output.json { try Terminal.print(json: clone) } else { Terminal.print("\(clone.id)") }
  }
}
