import ControlDatabase
import ExperimentFiles
import Searchers
import Tracker

/// Reads what trials log: the values of the sweep's metric, in the first run of a job's attempt that has it.
struct TrialMetrics {
  /// An event has at most so many values: a program may have logged a million before anybody looked.
  private static let mostReports = 500

  let tracker: Tracker
  let metric: Sweep.Metric
  let goal: SearchSpecification.Goal
  /// The last value that was read, by run. After a restart the count of values says how far the log is.
  private var places: [String: MetricPoint] = [:]

  init(tracker: Tracker, metric: Sweep.Metric, goal: SearchSpecification.Goal) {
    self.tracker = tracker
    self.metric = metric
    self.goal = goal
  }

  /// What has been logged since the last look, and the trial with it; nil: nothing.
  mutating func read(_ trial: Trial, of job: Job) async throws -> (reports: [Report], trial: Trial)? {
    var trial = trial
    let project = try await tracker.project(job.project)
    if trial.attempt != job.attempt {
      // What an attempt that failed has logged is no part of the next one's curve.
      (trial.attempt, trial.run, trial.reports) = (job.attempt, nil, 0)
    }
    if trial.run == nil {
      for run in try await tracker.runs(of: job.id) where run.attempt == Int64(job.attempt) {
        if try await !project.history(of: metric.name, run: run.identifier, limit: 1).points.isEmpty {
          trial.run = run.identifier
          break
        }
      }
    }
    guard let run = trial.run else { return nil }
    var points: [MetricPoint]
    if let place = places[run] {
      points = try await project.history(of: metric.name, run: run, after: place, limit: Self.mostReports).points
    } else {
      points = try await project.history(of: metric.name, run: run, limit: trial.reports + Self.mostReports).points
      points.removeFirst(min(trial.reports, points.count))
    }
    guard let last = points.last else { return nil }
    places[run] = last
    let reports = points.enumerated().map { index, point in
      Report(
        time: metric.time == .count ? Int64(trial.reports + index + 1) : max(point.step, 0),
        value: point.value.isFinite ? point.value : nil)
    }
    trial.reports += reports.count
    trial.last = reports.last?.value
    trial.lastTime = reports.last?.time
    let values = reports.compactMap(\.value) + [trial.best].compactMap { $0 }
    trial.best = goal == .minimize ? values.min() : values.max()
    return (reports, trial)
  }

  mutating func forget(_ trial: Trial) { if let run = trial.run { places[run] = nil } }

  /// Gives a trial's parameters to those of its runs that have none of their own.
  func logParameters(of trial: Trial, job: Job) async throws {
    let project = try await tracker.project(job.project)
    let parameters = trial.parameters.map { KeyValue($0.name, TrialCommand.text($0.value)) }
    let batch = LogBatch(
      parameters: parameters.filter { (try? Limits.checkKey($0.key, "parameter")) != nil },
      tags: [KeyValue("cairn.experiment_id", trial.experiment), KeyValue("cairn.trial", "\(trial.number)")])
    for run in try await tracker.runs(of: job.id) where run.stage == .active {
      let has = try await !project.run(run.identifier).parameters.isEmpty
      try await project.log(has ? LogBatch(tags: batch.tags) : batch, to: run.identifier)
    }
  }
}
