import API
import ArgumentParser
import StorageAPI

struct VolumeRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove volumes and all that is in them.")

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "Numbers or paths.")
  var volumes: [String]

  func run() async throws {
    let client = connection.client
    for volume in volumes { try await client.remove(volume: client.volume(named: volume).id) }
  }
}
