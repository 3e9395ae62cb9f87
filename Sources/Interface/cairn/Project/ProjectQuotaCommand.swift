import API
import ArgumentParser

struct ProjectQuotaCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quota", abstract: "See or change how much a project may have at once.",
    discussion: "What is not given stays as it is.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "The project's name.")
  var name: String

  @Option(help: ArgumentHelp("GPUs that its jobs hold together, or `none` for as many as there are.", valueName: "n"))
  var gpus: QuotaNumber?

  @Option(help: ArgumentHelp("Jobs that run, or `none`.", valueName: "n"))
  var running: QuotaNumber?

  @Option(help: ArgumentHelp("Jobs that wait, or `none`; more are refused.", valueName: "n"))
  var queued: QuotaNumber?

  func run() async throws {
    let client = connection.client
    var project = try await client.project(name)
    if gpus != nil || running != nil || queued != nil {
      var quota = project.quota ?? ProjectQuota()
      if let gpus { quota.gpus = gpus.number }
      if let running { quota.running = running.number }
      if let queued { quota.queued = queued.number }
      project = try await client.setQuota(quota, of: name)
    }
    if output.json { return try Terminal.print(json: project) }
    Terminal.print(project.quota.flatMap { describe(quota: $0) } ?? "no limits")
  }
}

/// A number, or `none` for no limit.
struct QuotaNumber: ExpressibleByArgument {
  let number: Int?

  init?(argument: String) {
    if argument == "none" {
      number = nil
    } else {
      guard let number = Int(argument), number >= 0 else { return nil }
      self.number = number
    }
  }
}

/// nil: there is no limit.
func describe(quota: ProjectQuota) -> String? {
  let limits = [("GPUs", quota.gpus), ("jobs running", quota.running), ("jobs queued", quota.queued)]
  let texts = limits.compactMap { name, number in number.map { "\($0) \(name)" } }
  return texts.isEmpty ? nil : "at most " + texts.joined(separator: ", ")
}
