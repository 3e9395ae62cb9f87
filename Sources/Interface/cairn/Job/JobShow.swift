import API
import ArgumentParser
import ExperimentStates
import JobStates

struct JobShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "Show all about a job.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var job: String

  func run() async throws {
    let details = try await connection.client.job(job)
    if output.json { return try Terminal.print(json: details) }
    let job = details.job
    Terminal.print(
      listing([
        ("id", job.id), ("name", job.name), ("project", job.project), ("state", job.state.rawValue),
        ("reason", job.reason.rawValue), ("detail", job.detail), ("waits", job.waitsFor?.sentence),
        ("priority", job.priority?.rawValue),
        ("experiment", details.experiment.map { "\($0.name) (\($0.kind.rawValue) \($0.id))" }), ("group", job.group),
        ("exit code", job.exitCode.map(String.init)),
        ("image", job.image), ("command", job.command.joined(separator: " ")),
        ("gpus", job.gpus == 0 ? nil : "\(job.gpus)"), ("gpu shards", job.gpuShards), ("gpu mig", job.gpuMig),
        ("cpus", job.cpus.map { "\($0)" }),
        ("memory", job.memoryBytes.map(describe(bytes:))),
        ("workspace", job.workspaceSnapshot.map { "snapshot \($0)" }),
        ("timeout", job.timeoutSeconds.map { describe(nanoseconds: Int64($0) * 1_000_000_000) }),
        ("retries", job.retries == 0 ? nil : "\(job.retries)"),
        ("depends on", job.dependsOn?.map { "\($0.job) (\($0.condition.rawValue))" }.joined(separator: ", ")),
        ("secrets", job.secrets?.map { "\($0.name) as \($0.variable ?? $0.file ?? "")" }.joined(separator: ", ")),
        ("commit", job.git?.commit), ("image id", job.pinnedImage?.id), ("repeats", job.rerunOf),
        ("not before", job.notBeforeNanoseconds.map(describe(time:))),
        (
          "reached at",
          details.attempts.last?.ports?.map { "\($0.address):\($0.host ?? $0.container) -> \($0.container)" }
            .joined(separator: ", ")
        ),
        ("created", describe(time: job.createdNanoseconds)),
        ("started", job.startedNanoseconds.map(describe(time:))),
        ("ended", job.endedNanoseconds.map(describe(time:))),
      ]))
    showAttempts(details.attempts)
    showRuns(details.runs)
  }

  private func showAttempts(_ attempts: [Attempt]) {
    if attempts.isEmpty { return }
    var table = Table(
      ("ATTEMPT", .right), ("STATE", .left), ("REASON", .left), ("EXIT", .right), ("STARTED", .left),
      ("ENDED", .left), ("GPUS", .left))
    for attempt in attempts {
      table.add(
        "\(attempt.number)", attempt.state.rawValue, attempt.reason.rawValue,
        attempt.exitCode.map(String.init) ?? "", attempt.startedNanoseconds.map(describe(time:)) ?? "",
        attempt.endedNanoseconds.map(describe(time:)) ?? "", attempt.gpus.joined(separator: " "))
    }
    Terminal.print("\n" + table.text)
  }

  private func showRuns(_ runs: [JobRun]) {
    if runs.isEmpty { return }
    var table = Table(("RUN", .left), ("NAME", .left), ("STATUS", .left), ("EXPERIMENT", .right), ("ATTEMPT", .right))
    for run in runs {
      table.add(run.id, run.name, run.status, "\(run.experiment)", run.attempt.map(String.init) ?? "")
    }
    Terminal.print("\n" + table.text)
  }
}
