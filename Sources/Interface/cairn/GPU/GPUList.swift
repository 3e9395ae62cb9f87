import API
import ArgumentParser

struct GPUList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List GPUs and the jobs that hold them.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let gpus = try await connection.client.gpus()
    if output.json { return try Terminal.print(json: API.GPUList(gpus: gpus)) }
    var table = Table(("INDEX", .right), ("NAME", .left), ("MEMORY", .right), ("JOB", .left), ("UUID", .left))
    for gpu in gpus { table.add("\(gpu.index)", gpu.name, describe(bytes: gpu.memoryBytes), gpu.job ?? "", gpu.uuid) }
    Terminal.print(table.text)
  }
}
