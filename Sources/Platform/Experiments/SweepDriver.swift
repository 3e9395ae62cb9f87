import ControlDatabase
import ExperimentFiles
import ExperimentStates
import FoundationEssentials
import JobStates
import Jobs
import Searchers
import Tracker

/// Takes one sweep from wherever it is to its end: tells its searcher what happens, and does what that decides.
///
/// What has been decided is in the records before anything is done about it, so the daemon may end at any moment: the next
/// one replays the log and goes on.
struct SweepDriver {
  private let id: String
  private let sweep: Sweep
  private let database: ExperimentDatabase
  private let control: ControlDatabase
  private let jobs: JobService
  private let preparation: TrialPreparation
  private let suggestion: PendingSuggestion?
  private var searcher: Searcher
  private var metrics: TrialMetrics?

  /// The log of a sweep that this version's searchers would not have decided so.
  struct ReplayError: Error, CustomStringConvertible {
    let number: Int
    var description: String {
      "the sweep's log can't be replayed: entry \(number) would be decided in another way by this version of Cairn"
    }
  }

  /// A sweep that another version of the searchers began: what they would decide from here on is not what it was begun
  /// for, even where its log can be replayed.
  struct VersionError: Error, CustomStringConvertible {
    let begunWith: Int
    var description: String {
      "it was begun with version \(begunWith) of Cairn's searchers, and this Cairn has version \(Searcher.version), "
        + "which would go on in another way: run its file again, or go back to the Cairn that began it"
    }
  }

  /// Replays what happened so far.
  init(
    _ experiment: Experiment, _ sweep: Sweep, database: ExperimentDatabase, control: ControlDatabase, jobs: JobService,
    tracker: Tracker, preparation: TrialPreparation, suggestion: PendingSuggestion?
  ) async throws {
    try Self.checkVersion(of: experiment)
    id = experiment.id
    self.sweep = sweep
    self.database = database
    self.control = control
    self.jobs = jobs
    self.preparation = preparation
    self.suggestion = suggestion
    metrics = sweep.metric.map { TrialMetrics(tracker: tracker, metric: $0, goal: sweep.search.goal) }
    searcher = Searcher(sweep.search)
    for record in try await database.searchLog(of: id) {
      guard searcher.handle(record.event) == record.decisions else { throw ReplayError(number: record.number) }
    }
  }

  static func checkVersion(of experiment: Experiment) throws {
    let begunWith = experiment.searcherVersion ?? 1
    guard begunWith == Searcher.version else { throw VersionError(begunWith: begunWith) }
  }

  /// Looks at what has changed and does what follows.
  /// - Returns: whether the sweep is over.
  mutating func step() async throws -> Bool {
    let experiment = try await database.experiment(id)
    if experiment.state.isTerminal { return true }
    if experiment.state == .stopping { return try await stop() }
    if searcher.trialCount == 0 { try await tell(.started) }
    for trial in try await database.liveTrials(of: id) { try await look(at: trial, of: experiment) }
    try await suggest()
    return searcher.isClosed
  }

  /// - Parameter update: the trial that the event is about, as it is now.
  private mutating func tell(_ event: SearchEvent, update: Trial? = nil) async throws {
    let decisions = searcher.handle(event)
    try await database.record(event, decisions, of: id, update: update)
  }

  /// Takes over what was proposed, and asks for what is wanted now.
  private mutating func suggest() async throws {
    guard let suggestion else { return }
    let suggested = try await suggestion.takeAnswer() ?? [:]
    for (number, parameters) in suggested.sorted(by: { $0.key < $1.key }) {
      try await tell(.suggested(trial: number, parameters: parameters))
    }
    if !searcher.awaited.isEmpty { await suggestion.ask(searcher.awaited, trials: try await database.trials(of: id)) }
  }

  // MARK: Trials

  private mutating func look(at trial: Trial, of experiment: Experiment) async throws {
    guard let job = try await job(of: trial) else {
      if trial.isSubmitted {
        // Somebody has removed it.
        try await end(trial, .stopped)
      } else {
        try await start(trial, of: experiment)
      }
      return
    }
    var trial = trial
    trial.isSubmitted = true
    while let news = try await metrics?.read(trial, of: job) {
      trial = news.trial
      try await tell(.reported(trial: trial.number, news.reports), update: trial)
    }
    if job.state.isTerminal {
      try await metrics?.logParameters(of: trial, job: job)
      try await end(trial, outcome(of: job))
    } else if job.state != .stopping, try await stopReason(of: trial.number) != nil {
      _ = try await jobs.stop(job.id)
    }
  }

  private mutating func end(_ trial: Trial, _ outcome: TrialOutcome) async throws {
    var trial = trial
    trial.outcome = outcome
    metrics?.forget(trial)
    try await tell(.ended(trial: trial.number, outcome), update: trial)
  }

  private func start(_ trial: Trial, of experiment: Experiment) async throws {
    let command = TrialCommand(sweep, trial.parameters, environment: experiment.file.job.environment)
    try await preparation.prepare(trial, sweep, command)
    _ = try await jobs.submit(
      JobRequest(trial, of: experiment, sweep, command, preparation.directory), id: trial.job)
    // A daemon that ends before this finds the job by its identifier.
    var trial = trial
    trial.isSubmitted = true
    try await database.store(trial)
  }

  /// nil: there is none of its identifier.
  private func job(of trial: Trial) async throws -> Job? {
    do {
      return try await control.job(trial.job)
    } catch let error as ControlError where error.code == .notFound {
      return nil
    }
  }

  private func stopReason(of number: Int) async throws -> StopReason? {
    try await database.liveTrials(of: id).first { $0.number == number }?.stop
  }

  private func outcome(of job: Job) -> TrialOutcome {
    switch job.state {
    case .succeeded: .succeeded
    case .stopped: .stopped
    default: .failed
    }
  }

  // MARK: Stopping

  /// Stops all trials; the searcher is asked no more.
  private mutating func stop() async throws -> Bool {
    await suggestion?.cancel()
    var areOver = true
    for var trial in try await database.liveTrials(of: id) {
      guard let job = try await job(of: trial) else {
        trial.outcome = .stopped
        try await database.store(trial)
        continue
      }
      while let news = try await metrics?.read(trial, of: job) {
        trial = news.trial
        try await database.store(trial)
      }
      if job.state.isTerminal {
        try await metrics?.logParameters(of: trial, job: job)
        trial.outcome = outcome(of: job)
        try await database.store(trial)
      } else {
        areOver = false
        if job.state != .stopping { _ = try await jobs.stop(job.id) }
      }
    }
    if areOver { try await database.end(id, as: .stopped) }
    return areOver
  }
}
