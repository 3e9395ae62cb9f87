import API
import ArgumentParser
import StorageAPI

struct StorageUsage: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "usage", abstract: "Show what is stored, and what deduplication and compression save.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let usage = try await connection.client.usage()
    if output.json { return try Terminal.print(json: usage) }
    Terminal.print(
      listing([
        ("in files", describe(bytes: usage.logicalBytes)),
        ("after deduplication", describe(bytes: usage.uniqueBytes) + saving(usage.uniqueBytes, of: usage.logicalBytes)),
        ("after compression", describe(bytes: usage.storedBytes) + saving(usage.storedBytes, of: usage.uniqueBytes)),
        ("in packs", describe(bytes: usage.packBytes)),
        ("not chunked yet", describe(bytes: usage.stagedBytes)),
        ("free on the disk", describe(bytes: usage.freeBytes)),
        ("chunks", "\(usage.chunks)"), ("inodes", "\(usage.inodes)"), ("volumes", "\(usage.volumes)"),
      ]))
  }
}

/// Such as ` (saves 25 %)`; nothing where nothing is saved.
func saving(_ part: UInt64, of whole: UInt64) -> String {
  if whole == 0 || part >= whole { return "" }
  return " (saves \(Int((1 - Double(part) / Double(whole)) * 100)) %)"
}
