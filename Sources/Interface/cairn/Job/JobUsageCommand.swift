import API
import ArgumentParser

struct JobUsageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "usage", abstract: "Show what a job used of the host.",
    discussion: "With --json, all samples: one a second at first, at most 1024 however long it runs.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var job: String

  @Option(help: "Of this attempt, from 1; by default of the last.")
  var attempt: Int?

  func run() async throws {
    let usage = try await connection.client.usage(of: job, attempt: attempt)
    if output.json { return try Terminal.print(json: usage) }
    guard let last = usage.samples.last else { return Terminal.print("It was too short for a sample.") }
    let peak = usage.samples.map(\.memoryBytes).max() ?? 0
    let recent = usage.samples.dropLast().last
    let busy = recent.map { before in
      let seconds = Double(last.timeNanoseconds - before.timeNanoseconds) / 1e9
      return seconds > 0 ? (last.processorSeconds - before.processorSeconds) / seconds : 0
    }
    Terminal.print(
      listing([
        ("attempt", "\(usage.attempt)"), ("samples", "\(usage.samples.count)"),
        ("processor time", describe(nanoseconds: Int64(last.processorSeconds * 1e9))),
        ("processors, last", busy.map { "\(($0 * 100).rounded() / 100)" }),
        ("memory, last", describe(bytes: last.memoryBytes)), ("memory, most", describe(bytes: peak)),
        ("read from disks", last.readBytes.map(describe(bytes:))),
        ("written to disks", last.writtenBytes.map(describe(bytes:))),
      ]))
    let gpus = usage.samples.last { $0.gpus != nil }?.gpus ?? []
    if gpus.isEmpty { return }
    var table = Table(("GPU", .left), ("BUSY %", .right), ("MEMORY MiB", .right), ("WATTS", .right))
    for gpu in gpus {
      let numbers = [gpu.utilizationPercent, gpu.memoryMebibytes, gpu.powerWatts].map { $0.map { "\($0)" } ?? "" }
      table.add(gpu.uuid, numbers[0], numbers[1], numbers[2])
    }
    Terminal.print("\n" + table.text)
  }
}
