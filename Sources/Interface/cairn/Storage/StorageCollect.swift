import API
import ArgumentParser
import StorageAPI

struct StorageCollect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc", abstract: "Give the space of what no file refers to any more back, now.",
    discussion: "The storage does it by itself when there is enough to be had.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let result = try await connection.client.collectGarbage()
    if output.json { return try Terminal.print(json: result) }
    Terminal.print(
      listing([
        ("removed", "\(describe(bytes: result.removedBytes)) in \(result.removedPacks) packs"),
        ("copied", "\(describe(bytes: result.copiedBytes)) out of \(result.repackedPacks) packs"),
        ("chunks deleted", "\(result.deletedChunks)"),
        ("in packs now", describe(bytes: result.packBytes)),
        ("of that in use", describe(bytes: result.liveBytes)),
        ("took", describe(nanoseconds: Int64(result.seconds * 1e9))),
      ]))
    for notice in result.notices { Terminal.print(notice) }
  }
}
