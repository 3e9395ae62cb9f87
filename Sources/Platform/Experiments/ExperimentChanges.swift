import ControlDatabase
import ExperimentStates
import GRDB
import Linux
import Searchers

extension ExperimentDatabase {
  func add(_ experiment: Experiment) async throws {
    try await write { database in
      try database.execute(
        sql: """
          INSERT INTO experiment (id, name, project, text, file, workspaceSnapshot, git, models, searcherVersion, state,
            restarts, createdAt)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)
          """,
        arguments: [
          experiment.id, experiment.name, experiment.project, experiment.text, try sortedJSON(experiment.file),
          experiment.workspaceSnapshot, try experiment.git.map { try sortedJSON($0) },
          try experiment.models.map { try sortedJSON($0) }, experiment.searcherVersion, experiment.state.rawValue,
          experiment.createdAt,
        ])
    }
  }

  /// Asks for an experiment to stop. One that has ended stays as it is.
  func requestStop(_ id: String) async throws -> Experiment {
    try await write { database in
      try database.execute(
        sql: "UPDATE experiment SET state = 'stopping' WHERE id = ? AND state = 'running'", arguments: [id])
      return try database.experiment(id)
    }
  }

  /// Ends an experiment. One that has ended stays as it is.
  func end(_ id: String, as state: ExperimentState, detail: String? = nil) async throws {
    try await write { try $0.end(id, as: state, detail: detail) }
  }

  func remove(_ id: String) async throws {
    try await write { try $0.execute(sql: "DELETE FROM experiment WHERE id = ?", arguments: [id]) }
  }

  // MARK: Sweeps

  /// Writes down what a searcher was told and what it decided, and carries the decisions out on the records.
  /// - Parameter update: a trial as it is now, where the event is about one.
  func record(
    _ event: SearchEvent, _ decisions: [SearchDecision], of experiment: String, update: Trial? = nil
  ) async throws {
    try await write { database in
      let now = nanosecondsNow()
      try database.execute(
        sql: """
          INSERT INTO search (experiment, number, time, event, decisions)
          VALUES (:experiment, (SELECT ifnull(max(number), 0) + 1 FROM search WHERE experiment = :experiment), :time,
            :event, :decisions)
          """,
        arguments: [
          "experiment": experiment, "time": now, "event": try sortedJSON(event),
          "decisions": try sortedJSON(decisions),
        ])
      if let update { try database.store(update) }
      for decision in decisions {
        switch decision {
        case .suggest: break
        case .create(let number, let parameters, let origin):
          try database.execute(
            sql: """
              INSERT INTO trial (experiment, number, job, parameters, origin, isSubmitted, attempt, reports, createdAt)
              VALUES (?, ?, ?, ?, ?, 0, 0, 0, ?)
              """,
            arguments: [experiment, number, Names.newIdentifier(), try sortedJSON(parameters), origin, now])
        case .stop(let number, let reason):
          try database.execute(
            sql: "UPDATE trial SET stop = ? WHERE experiment = ? AND number = ?",
            arguments: [reason.rawValue, experiment, number])
        case .close(let succeeded):
          try database.end(
            experiment, as: succeeded ? .succeeded : .failed,
            detail: succeeded ? nil : "no trial succeeded or logged the metric, or too many failed in a row")
        }
      }
    }
  }

  func store(_ trial: Trial) async throws { try await write { try $0.store(trial) } }

  // MARK: Groups

  func setSubnet(_ subnet: String, of experiment: String) async throws {
    try await write {
      try $0.execute(sql: "UPDATE experiment SET subnet = ? WHERE id = ?", arguments: [subnet, experiment])
    }
  }

  /// The jobs of a group that is about to be started, or started again.
  func add(_ replicas: [Replica], restart: Int, of experiment: String, detail: String?) async throws {
    try await write { database in
      try database.execute(
        sql: "UPDATE experiment SET restarts = ?, detail = ? WHERE id = ?", arguments: [restart, detail, experiment])
      for replica in replicas {
        try database.execute(
          sql: #"INSERT INTO replica (experiment, restart, rank, role, "index", job) VALUES (?, ?, ?, ?, ?, ?)"#,
          arguments: [experiment, restart, replica.rank, replica.role, replica.index, replica.job])
      }
    }
  }
}

extension Database {
  fileprivate func end(_ id: String, as state: ExperimentState, detail: String?) throws {
    try execute(
      sql: """
        UPDATE experiment SET state = ?, detail = coalesce(?, detail), endedAt = ?
        WHERE id = ? AND state IN ('running', 'stopping')
        """, arguments: [state.rawValue, detail, nanosecondsNow(), id])
  }

  fileprivate func store(_ trial: Trial) throws {
    try execute(
      sql: """
        UPDATE trial SET isSubmitted = ?, outcome = ?, run = ?, attempt = ?, reports = ?, best = ?, last = ?, lastTime = ?
        WHERE experiment = ? AND number = ?
        """,
      arguments: [
        trial.isSubmitted, trial.outcome?.rawValue, trial.run, trial.attempt, trial.reports, trial.best, trial.last,
        trial.lastTime, trial.experiment, trial.number,
      ])
  }
}
