import API
import ArgumentParser
import StorageAPI

struct VolumeShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "Show all about a volume.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Number or path.")
  var volume: String

  func run() async throws {
    let volume = try await connection.client.volume(named: volume)
    if output.json { return try Terminal.print(json: volume) }
    Terminal.print(
      listing([
        ("id", "\(volume.id)"), ("kind", volume.kind.rawValue), ("path", volume.path),
        ("sealed", volume.sealed ? "yes" : "no"),
        ("used", "\(describe(bytes: volume.usedBytes)) in \(volume.usedInodes) files"),
        ("quota", volume.quotaBytes == 0 ? "none" : describe(bytes: volume.quotaBytes)),
        ("quota of files", volume.quotaInodes == 0 ? "none" : "\(volume.quotaInodes)"),
        ("source", volume.source.map(String.init)), ("created", describe(time: volume.createdNanoseconds)),
      ]))
  }
}
