import API
import ArgumentParser
import Linux

struct ProjectShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "Show a project and its jobs.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Its name.")
  var name: String

  func run() async throws {
    let client = connection.client
    let project = try await client.project(name)
    if output.json { return try Terminal.print(json: project) }
    Terminal.print(
      listing([
        ("name", project.name), ("jobs", "\(project.jobs)"), ("unfinished", "\(project.unfinishedJobs)"),
        ("created", describe(time: project.createdNanoseconds)),
        ("used of late", project.usage.map(Self.text)),
        ("quota", project.quota.flatMap { describe(quota: $0) }),
      ]))
    let jobs = try await client.jobs(project: project.name, limit: 20)
    if !jobs.isEmpty { Terminal.print("\n" + jobTable(jobs, now: nanosecondsNow())) }
  }

  private static func text(_ usage: ProjectUsage) -> String {
    func hours(_ seconds: Double) -> String { "\((seconds / 360).rounded() / 10)" }
    return "\(hours(usage.gpuSeconds)) GPU hours, \(hours(usage.cpuSeconds)) processor hours;"
      + " \(Int((usage.share * 100).rounded())) % of what all projects used"
  }
}
