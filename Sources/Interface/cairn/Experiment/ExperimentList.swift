import API
import ArgumentParser
import ExperimentStates
import Linux

struct ExperimentList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List experiments, the newest first.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Option(name: .shortAndLong, help: "Only experiments of this project.")
  var project: String?

  @Option(name: .shortAndLong, help: "At most this many.")
  var limit = 100

  func validate() throws {
    if !(1...10_000).contains(limit) { throw ValidationError("--limit must be between 1 and 10000.") }
  }

  func run() async throws {
    let experiments = try await connection.client.experiments(project: project, limit: limit)
    if output.json { return try Terminal.print(json: API.ExperimentList(experiments: experiments)) }
    var table = Table(
      ("ID", .left), ("NAME", .left), ("PROJECT", .left), ("KIND", .left), ("STATE", .left), ("JOBS", .right),
      ("BEST", .right), ("AGE", .right), ("TOOK", .right))
    let now = nanosecondsNow()
    for experiment in experiments {
      table.add(
        experiment.id, experiment.name == experiment.id ? "" : experiment.name, experiment.project,
        experiment.kind.rawValue, experiment.state.rawValue, "\(experiment.jobs)",
        experiment.bestValue.map { shortText($0) } ?? "",
        describe(nanoseconds: now - experiment.createdNanoseconds),
        describe(nanoseconds: (experiment.endedNanoseconds ?? now) - experiment.createdNanoseconds))
    }
    Terminal.print(table.text)
  }
}
