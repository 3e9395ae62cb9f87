import API
import ArgumentParser
import StorageAPI
import Wire

struct VolumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "volume", abstract: "See and handle volumes.",
    discussion: "A volume is named by its number, or by its path under the mount, such as volumes/data.",
    subcommands: [
      VolumeList.self, VolumeCreate.self, VolumeShow.self, VolumeSnapshot.self, VolumeClone.self, VolumeQuota.self,
      VolumeRemove.self,
    ])
}

extension CairnClient {
  /// The volume with this number, this path, or this name below `volumes/`.
  func volume(named reference: String) async throws -> Volume {
    if let id = Volume.ID(reference) { return try await volume(id) }
    let volumes = try await volumes()
    guard let found = volumes.first(where: { $0.path == reference || $0.path == "volumes/" + reference }) else {
      throw APIError.notFound("There is no volume \(reference); `cairn volume ls` lists them.", subject: reference)
    }
    return found
  }
}

extension Volume.Kind: ExpressibleByArgument {}

func volumeTable(_ volumes: [Volume]) -> String {
  var table = Table(
    ("ID", .right), ("KIND", .left), ("PATH", .left), ("STATE", .left), ("USED", .right), ("QUOTA", .right),
    ("FILES", .right), ("SOURCE", .right), ("CREATED", .left))
  for volume in volumes {
    table.add(
      "\(volume.id)", volume.kind.rawValue, volume.path ?? "", volume.sealed ? "sealed" : "",
      describe(bytes: volume.usedBytes), volume.quotaBytes == 0 ? "" : describe(bytes: volume.quotaBytes),
      "\(volume.usedInodes)", volume.source.map(String.init) ?? "", describe(time: volume.createdNanoseconds))
  }
  return table.text
}
