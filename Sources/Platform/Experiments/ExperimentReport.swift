public import ControlDatabase
import GRDB

/// The jobs of an experiment in numbers.
public struct ExperimentSummary: Hashable, Codable, Sendable, FetchableRecord {
  public let experiment: String
  public let jobs: Int
  public let unfinishedJobs: Int
  /// The lowest and the highest of what its trials had as their best, and whose they are.
  public let lowest: Double?
  public let lowestTrial: Int?
  public let highest: Double?
  public let highestTrial: Int?
}

/// An experiment with its jobs; those that are not queued yet or were removed are nil.
public struct ExperimentReport: Sendable {
  public let experiment: Experiment
  public let summary: ExperimentSummary?
  public let trials: [(trial: Trial, job: Job?)]
  public let replicas: [(replica: Replica, job: Job?)]
}

extension ExperimentService {
  /// By the experiments' identifiers.
  public nonisolated func summaries() async throws -> [String: ExperimentSummary] {
    let found = try await database.read { database in
      try ExperimentSummary.fetchAll(
        database,
        sql: """
          SELECT experiment.id AS experiment,
            (SELECT count(*) FROM trial WHERE experiment = experiment.id)
              + (SELECT count(*) FROM replica WHERE experiment = experiment.id AND restart = experiment.restarts) AS jobs,
            CASE WHEN experiment.endedAt IS NOT NULL THEN 0 ELSE
              (SELECT count(*) FROM trial WHERE experiment = experiment.id AND outcome IS NULL)
              + (SELECT count(*) FROM replica WHERE experiment = experiment.id AND restart = experiment.restarts)
            END AS unfinishedJobs,
            lowest.best AS lowest, lowest.number AS lowestTrial, highest.best AS highest, highest.number AS highestTrial
          FROM experiment
          LEFT JOIN trial AS lowest ON lowest.experiment = experiment.id AND lowest.number =
            (SELECT number FROM trial WHERE experiment = experiment.id AND best IS NOT NULL ORDER BY best, number LIMIT 1)
          LEFT JOIN trial AS highest ON highest.experiment = experiment.id AND highest.number =
            (SELECT number FROM trial WHERE experiment = experiment.id AND best IS NOT NULL
             ORDER BY best DESC, number LIMIT 1)
          """)
    }
    return Dictionary(uniqueKeysWithValues: found.map { ($0.experiment, $0) })
  }

  public nonisolated func report(_ id: String) async throws -> ExperimentReport {
    let experiment = try await database.experiment(id)
    let summary = try await summaries()[id]
    var trials: [(trial: Trial, job: Job?)] = []
    for trial in try await database.trials(of: id) { trials.append((trial, try await job(trial.job))) }
    var replicas: [(replica: Replica, job: Job?)] = []
    for replica in try await database.replicas(of: id) { replicas.append((replica, try await job(replica.job))) }
    return ExperimentReport(experiment: experiment, summary: summary, trials: trials, replicas: replicas)
  }

  /// nil: there is none of this identifier.
  private nonisolated func job(_ id: String) async throws -> Job? {
    do {
      return try await control.job(id)
    } catch let error as ControlError where error.code == .notFound {
      return nil
    }
  }
}
