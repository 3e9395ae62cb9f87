import GRDB
import Linux

extension Experiment: FetchableRecord {
  public init(row: Row) {
    self.init(
      id: row["id"], number: row["number"], name: row["name"], location: row["location"],
      stage: LifecycleStage(rawValue: row["stage"]) ?? .active, createdAt: row["createdAt"],
      updatedAt: row["updatedAt"])
  }
}

extension ProjectTracker {
  /// Makes an experiment and returns its number.
  /// - Parameter location: where its artifacts go instead of into Cairn: any URI that the clients know what to do with.
  /// - Throws: ``TrackerError``
  public func createExperiment(_ name: String, location: String?, tags: [KeyValue]) async throws -> Int64 {
    try Limits.checkExperimentName(name)
    for tag in tags { try Limits.checkExperimentTag(tag) }
    return try await write { [project] database in
      if let old = try Self.experiment(named: name, project, database) {
        throw TrackerError(
          .resourceAlreadyExists,
          old.stage == .active
            ? "Experiment '\(name)' already exists."
            : "Experiment '\(name)' already exists in deleted state. You can restore the experiment, or give this one "
              + "another name.")
      }
      let number = try Int64.fetchOne(
        database,
        sql: "UPDATE tenant SET nextExperiment = nextExperiment + 1 WHERE project = ? RETURNING nextExperiment - 1",
        arguments: [project])!
      let now = millisecondsNow()
      try database.execute(
        sql: """
          INSERT INTO experiment (project, number, name, location, stage, createdAt, updatedAt)
          VALUES (?, ?, ?, ?, 0, ?, ?)
          """, arguments: [project, number, name, location, now, now])
      let id = database.lastInsertedRowID
      for tag in tags { try Self.set(tag, of: id, database) }
      return number
    }
  }

  /// The number of the experiment of this name, which is made if it is not there.
  /// - Throws: ``TrackerError``, also where it was deleted.
  public func provideExperiment(_ name: String) async throws -> Int64 {
    do {
      return try await experiment(named: name).number
    } catch let error as TrackerError where error.code == .resourceDoesNotExist {
      return try await createExperiment(name, location: nil, tags: [])
    }
  }

  /// - Throws: ``TrackerError``
  public func experiment(_ number: Int64) async throws -> Experiment {
    try await read { [project] in try Self.withTags(Self.experiment(number, project, $0), $0) }
  }

  /// - Throws: ``TrackerError``
  public func experiment(named name: String) async throws -> Experiment {
    try await read { [project] database in
      guard let experiment = try Self.experiment(named: name, project, database) else {
        throw TrackerError(.resourceDoesNotExist, "Could not find experiment with name '\(name)'")
      }
      return try Self.withTags(experiment, database)
    }
  }

  /// Deletes an experiment and all its runs; ``restoreExperiment(_:)`` undoes it.
  public func deleteExperiment(_ number: Int64) async throws { try await move(number, from: .active, to: .deleted) }

  public func restoreExperiment(_ number: Int64) async throws { try await move(number, from: .deleted, to: .active) }

  private func move(_ number: Int64, from: LifecycleStage, to: LifecycleStage) async throws {
    try await write { [project] database in
      let experiment = try Self.experiment(number, project, database)
      guard experiment.stage == from else { throw Self.noExperiment(number) }
      try database.execute(
        sql: "UPDATE experiment SET stage = ?, updatedAt = ? WHERE id = ?",
        arguments: [to.rawValue, millisecondsNow(), experiment.id])
      try database.execute(
        sql: "UPDATE run SET stage = ? WHERE experiment = ?", arguments: [to.rawValue, experiment.id])
    }
  }

  public func renameExperiment(_ number: Int64, to name: String) async throws {
    try Limits.checkExperimentName(name)
    try await write { [project] database in
      let experiment = try Self.activeExperiment(number, project, database)
      if let other = try Self.experiment(named: name, project, database), other.id != experiment.id {
        throw TrackerError(.resourceAlreadyExists, "Experiment '\(name)' already exists.")
      }
      try database.execute(
        sql: "UPDATE experiment SET name = ?, updatedAt = ? WHERE id = ?",
        arguments: [name, millisecondsNow(), experiment.id])
    }
  }

  public func setExperimentTag(_ tag: KeyValue, of number: Int64) async throws {
    try Limits.checkExperimentTag(tag)
    try await write { [project] database in
      let experiment = try Self.activeExperiment(number, project, database)
      try Self.set(tag, of: experiment.id, database)
      try Self.touch(experiment, database)
    }
  }

  public func deleteExperimentTag(_ key: String, of number: Int64) async throws {
    try await write { [project] database in
      let experiment = try Self.activeExperiment(number, project, database)
      try database.execute(
        sql: "DELETE FROM experimentTag WHERE experiment = ? AND key = ?", arguments: [experiment.id, key])
      guard database.changesCount == 1 else {
        throw TrackerError(.resourceDoesNotExist, "No tag with name: \(key) in experiment with id \(number)")
      }
      try Self.touch(experiment, database)
    }
  }

  // MARK: Within a transaction

  static func experiment(_ number: Int64, _ project: String, _ database: Database) throws -> Experiment {
    let experiment = try Experiment.fetchOne(
      database, sql: "SELECT * FROM experiment WHERE project = ? AND number = ?", arguments: [project, number])
    guard let experiment else { throw noExperiment(number) }
    return experiment
  }

  static func activeExperiment(_ number: Int64, _ project: String, _ database: Database) throws -> Experiment {
    let experiment = try experiment(number, project, database)
    guard experiment.stage == .active else {
      throw TrackerError(
        .invalidParameterValue, "The experiment \(number) must be in the 'active' state. Current state is deleted.")
    }
    return experiment
  }

  private static func experiment(
    named name: String, _ project: String, _ database: Database
  ) throws -> Experiment? {
    try Experiment.fetchOne(
      database, sql: "SELECT * FROM experiment WHERE project = ? AND name = ?", arguments: [project, name])
  }

  static func noExperiment(_ number: Int64) -> TrackerError {
    TrackerError(.resourceDoesNotExist, "No Experiment with id=\(number) exists")
  }

  private static func set(_ tag: KeyValue, of experiment: Int64, _ database: Database) throws {
    try database.execute(
      sql: "INSERT OR REPLACE INTO experimentTag (experiment, key, value) VALUES (?, ?, ?)",
      arguments: [experiment, tag.key, tag.value])
  }

  private static func touch(_ experiment: Experiment, _ database: Database) throws {
    try database.execute(
      sql: "UPDATE experiment SET updatedAt = ? WHERE id = ?", arguments: [millisecondsNow(), experiment.id])
  }

  static func withTags(_ experiment: Experiment, _ database: Database) throws -> Experiment {
    var experiment = experiment
    let rows = try Row.fetchAll(
      database, sql: "SELECT key, value FROM experimentTag WHERE experiment = ? ORDER BY key",
      arguments: [experiment.id])
    experiment.tags = rows.map { KeyValue($0["key"], $0["value"]) }
    return experiment
  }
}
