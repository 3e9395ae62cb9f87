import API
import ArgumentParser
import ExperimentStates
import JobStates
import Searchers

struct ExperimentShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show an experiment: the best trial and all others, or the replicas.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var experiment: String

  @Flag(help: "Print the file that it was started from, and nothing else.")
  var file = false

  func run() async throws {
    let details = try await connection.client.experiment(experiment)
    if file { return Terminal.write(details.file, to: 1) }
    if output.json { return try Terminal.print(json: details) }
    let experiment = details.experiment
    let best = details.trials.first { $0.number == experiment.bestTrial }
    Terminal.print(
      listing([
        ("id", experiment.id), ("name", experiment.name), ("project", experiment.project),
        ("kind", experiment.kind.rawValue), ("state", experiment.state.rawValue), ("detail", experiment.detail),
        ("metric", experiment.metric.map { "\($0) (\(experiment.goal?.rawValue ?? ""))" }),
        (
          "best",
          best.map { "\($0.best.map { shortText($0) } ?? "") in trial \($0.number), job \($0.job)" }
        ),
        ("parameters", best.map { shortText($0.parameters) }),
        ("restarts", experiment.restarts == 0 ? nil : "\(experiment.restarts)"),
        ("workspace", experiment.workspaceSnapshot.map { "snapshot \($0)" }),
        ("created", describe(time: experiment.createdNanoseconds)),
        ("ended", experiment.endedNanoseconds.map(describe(time:))),
      ]))
    if !details.trials.isEmpty { Terminal.print("\n" + trialTable(details)) }
    if !details.replicas.isEmpty { Terminal.print("\n" + replicaTable(details.replicas)) }
  }

  private func replicaTable(_ replicas: [GroupReplica]) -> String {
    var table = Table(
      ("RANK", .right), ("REPLICA", .left), ("JOB", .left), ("STATE", .left), ("EXIT", .right), ("RESTART", .right))
    for replica in replicas {
      table.add(
        "\(replica.rank)", "\(replica.role)-\(replica.index)", replica.job, replica.state?.rawValue ?? "",
        replica.exitCode.map(String.init) ?? "", "\(replica.restart)")
    }
    return table.text
  }
}
