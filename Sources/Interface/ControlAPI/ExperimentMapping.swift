import API
import ControlDatabase
import ExperimentFiles
import Experiments
import Searchers

extension API.Experiment {
  init(_ experiment: PlatformExperiment, _ summary: ExperimentSummary?) {
    var sweep: Sweep?
    if case .sweep(let found) = experiment.file.work { sweep = found }
    let isMinimum = sweep?.search.goal == .minimize
    self.init(
      id: experiment.id, name: experiment.name, project: experiment.project, kind: experiment.kind,
      state: experiment.state, detail: experiment.detail, metric: sweep?.metric?.name,
      goal: sweep?.metric == nil ? nil : sweep?.search.goal, jobs: summary?.jobs ?? 0,
      unfinishedJobs: summary?.unfinishedJobs ?? 0, maxTrials: sweep?.search.maxTrials,
      bestTrial: isMinimum ? summary?.lowestTrial : summary?.highestTrial,
      bestValue: isMinimum ? summary?.lowest : summary?.highest, restarts: experiment.restarts,
      workspaceSnapshot: experiment.workspaceSnapshot, createdNanoseconds: experiment.createdAt,
      endedNanoseconds: experiment.endedAt)
  }
}

extension ExperimentDetails {
  init(_ report: ExperimentReport) {
    self.init(
      experiment: API.Experiment(report.experiment, report.summary), file: report.experiment.text,
      trials: report.trials.map { trial, job in
        API.Trial(
          number: trial.number, job: trial.job, state: job?.state, parameters: trial.parameters, origin: trial.origin,
          stopReason: trial.stop, values: trial.reports, best: trial.best, last: trial.last, time: trial.lastTime)
      },
      replicas: report.replicas.map { replica, job in
        GroupReplica(
          restart: replica.restart, rank: replica.rank, role: replica.role, index: replica.index, job: replica.job,
          state: job?.state, exitCode: job?.exitCode)
      })
  }
}

extension ControlAPI {
  /// What a job is part of.
  /// - Returns: nil where it is part of nothing, or that is being removed.
  func experiment(of job: PlatformJob) async throws -> API.JobExperiment? {
    guard let id = job.request.experiment?.id else { return nil }
    do {
      let experiment = try await experiments.find(id)
      return API.JobExperiment(id: id, name: experiment.name, kind: experiment.kind)
    } catch let error as ControlError where error.code == .notFound {
      return nil
    }
  }
}
