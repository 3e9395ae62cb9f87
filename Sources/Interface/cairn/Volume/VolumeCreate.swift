import API
import ArgumentParser
import StorageAPI

struct VolumeCreate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a volume.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var limits: QuotaOptions

  @Argument(help: "Its name below volumes/, or a path under the mount.")
  var path: String

  @Option(help: "Its kind.")
  var kind: Volume.Kind = .persistent

  func run() async throws {
    let volume = try await connection.client.create(
      volume: NewVolume(
        kind: kind, path: volumePath(path), quotaBytes: limits.quota?.bytes, quotaInodes: limits.files))
    if output.json { try Terminal.print(json: volume) } else { Terminal.print("\(volume.id)") }
  }
}

/// The options that limit a volume.
struct QuotaOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The most bytes in its files, such as 10g; 0: no limit.", valueName: "size"))
  var quota: ByteCount?

  @Option(help: ArgumentHelp("The most files; 0: no limit.", valueName: "number"))
  var files: UInt64?
}

/// A plain name lies below `volumes/`.
func volumePath(_ path: String) -> String { path.contains("/") ? path : "volumes/" + path }
