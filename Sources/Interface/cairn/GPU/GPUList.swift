import API
import ArgumentParser

struct GPUList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List GPUs and the jobs that hold them.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let gpus = try await connection.client.gpus()
    if output.json { return try Terminal.print(json: API.GPUList(gpus: gpus)) }
    var table = Table(
      ("INDEX", .right), ("NAME", .left), ("MEMORY", .right), ("HELD BY", .left), ("INSTANCES", .left),
      ("CLOSEST", .left), ("UUID", .left))
    for gpu in gpus {
      table.add(
        "\(gpu.index)", gpu.name, describe(bytes: gpu.memoryBytes), Self.holders(of: gpu),
        gpu.instances.map(\.profile).joined(separator: " "), Self.closest(to: gpu, of: gpus), gpu.uuid)
    }
    Terminal.print(table.text)
    for gpu in gpus { if let fault = gpu.fault { Terminal.print("GPU \(gpu.index) can't be used: \(fault)") } }
  }

  private static func holders(of gpu: GPU) -> String {
    if gpu.busyExternally { return "another program" }
    if gpu.fault != nil, gpu.holders.isEmpty { return "faulty" }
    return gpu.holders.map { holder in holder.part.map { "\(holder.job) (\($0))" } ?? holder.job }
      .joined(separator: ", ")
  }

  /// The GPUs that it is connected to as well as to no others, and how.
  private static func closest(to gpu: GPU, of gpus: [GPU]) -> String {
    let others = zip(gpus, gpu.links).filter { $0.0.uuid != gpu.uuid }
    let order = ["PIX", "PXB", "PHB", "NODE", "SYS"]
    func distance(_ link: String) -> Int {
      link.hasPrefix("NV") ? -(Int(link.dropFirst(2)) ?? 0) : 1 + (order.firstIndex(of: link) ?? order.count)
    }
    guard let best = others.map({ distance($0.1) }).min() else { return "" }
    let closest = others.filter { distance($0.1) == best }
    return closest.map { "\($0.0.index)" }.joined(separator: " ") + " (\(closest[0].1))"
  }
}
