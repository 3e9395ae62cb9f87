import API
import ArgumentParser
import StorageAPI

struct StorageStats: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats", abstract: "Show what cairnfsd has done since it started, and what it takes.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let statistics = try await connection.client.statistics()
    if output.json { return try Terminal.print(json: statistics) }
    Terminal.print(
      listing([
        ("up for", describe(nanoseconds: Int64(statistics.uptimeSeconds) * 1_000_000_000)),
        ("memory", describe(bytes: statistics.residentBytes)), ("threads", "\(statistics.threads)"),
        ("processor time", "\((statistics.cpuSeconds * 100).rounded() / 100) s"),
        ("ingested", "\(describe(bytes: statistics.ingestedBytes)) in \(statistics.ingestedChunks) chunks"),
        ("ingested trees", "\(statistics.ingestedTrees)"),
        ("chunks in quarantine", "\(statistics.quarantinedChunks)"),
        ("kernel requests", "\(statistics.kernelRequests.values.reduce(0, +))"),
      ]))
    if statistics.kernelRequests.isEmpty { return }
    var table = Table(("REQUEST", .left), ("TIMES", .right))
    for (name, count) in statistics.kernelRequests.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      table.add(name, "\(count)")
    }
    Terminal.print("\n" + table.text)
  }
}
