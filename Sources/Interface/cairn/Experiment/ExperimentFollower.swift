import API
import ExperimentStates
import JobStates
import UnixHTTP

/// Follows an experiment to its end: tells of trials as they end, or prints what replicas write; passes Ctrl-C on, and
/// bears with a `cairnd` that is restarted meanwhile.
struct ExperimentFollower: Sendable {
  let client: CairnClient
  let experiment: String
  /// Print nothing on the way.
  let json: Bool

  /// - Returns: the experiment when it has ended.
  /// - Throws: `ExitCode` 130 after a second Ctrl-C.
  func run() async throws -> ExperimentDetails {
    try await followStoppingOnSignals(
      "experiment \(experiment)", seenBy: "cairn experiment show \(experiment)"
    ) {
      _ = try await client.stop(experiment: experiment)
    } follow: {
      try await follow()
    }
  }

  private func follow() async throws -> ExperimentDetails {
    var screen = SweepScreen()
    defer { screen.clear() }
    var lastSeen = ContinuousClock.now
    return try await withThrowingDiscardingTaskGroup { logs in
      var followed: Set<String> = []
      while true {
        do {
          let details = try await client.experiment(experiment)
          lastSeen = .now
          if !json {
            screen.show(details)
            for replica in details.replicas where replica.state != nil && followed.insert(replica.job).inserted {
              logs.addTask { await printLog(of: replica) }
            }
          }
          if details.experiment.state.isTerminal { return details }
        } catch let error as HTTPClientError {
          guard error.isWorthRetry, lastSeen.duration(to: .now) < daemonPatience else { throw error }
        }
        try await Task.sleep(for: .milliseconds(500))
      }
    }
  }

  /// Returns when the job has ended. The log is not why the command is there: what it can't read, it leaves out.
  private func printLog(of replica: GroupReplica) async {
    try? await LogFollower(client: client, job: replica.job).run { line in
      Terminal.write("\(replica.role)-\(replica.index) | \(line.text)\n", to: line.stream == .stdout ? 1 : 2)
    }
  }
}

/// Where a sweep is: on a terminal a table that is drawn over and over, else a line for each trial that ends.
struct SweepScreen {
  private static let mostRows = 15

  private let isTerminal = Terminal.showsProgress
  private var drawnLines = 0
  private var told: Set<Int> = []
  private var last = ""

  mutating func show(_ details: ExperimentDetails) {
    guard details.experiment.kind == .sweep else { return }
    if isTerminal {
      let text = summary(of: details) + "\n" + trialTable(details, most: Self.mostRows)
      if text == last { return }
      clear()
      Terminal.write(text + "\n", to: 2)
      last = text
      drawnLines = text.count { $0 == "\n" } + 1
      return
    }
    for trial in details.trials where trial.state?.isTerminal == true && told.insert(trial.number).inserted {
      Terminal.complain(
        "trial \(trial.number) \(outcome(of: trial)): \(trial.best.map { shortText($0) } ?? "no value")"
          + " (\(shortText(trial.parameters)))")
    }
  }

  /// Takes the table away.
  mutating func clear() {
    if drawnLines > 0 { Terminal.write("\u{1B}[\(drawnLines)A\u{1B}[J", to: 2) }
    drawnLines = 0
    last = ""
  }

  private func summary(of details: ExperimentDetails) -> String {
    let experiment = details.experiment
    var text = "\(experiment.name): \(experiment.jobs) of \(experiment.maxTrials ?? 0) trials"
    text += ", \(experiment.unfinishedJobs) unfinished"
    if let best = experiment.bestTrial, let value = experiment.bestValue {
      text += ", best \(shortText(value)) in trial \(best)"
    }
    return text
  }
}
