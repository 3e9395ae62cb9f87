import GRDB

extension Dataset {
  init(row: Row) {
    self.init(
      name: row["name"], digest: row["digest"], sourceType: row["sourceType"], source: row["source"],
      schema: row["schema"], profile: row["profile"])
  }
}

/// A dataset that runs of an experiment were given.
public struct DatasetSummary: Hashable, Sendable {
  /// The number of the experiment.
  public let experiment: Int64
  public let name: String
  public let digest: String
  /// What it was given for, as `train`; nil: the runs don't say.
  public let context: String?
}

extension ProjectTracker {
  /// Adds what a run was given. Sent twice, it is as if it were sent once.
  /// - Throws: ``TrackerError``
  public func logInputs(_ inputs: [DatasetInput], models: [String], to identifier: String) async throws {
    for input in inputs { try Limits.check(input) }
    try await write { [project] database in
      let run = try Self.activeRun(identifier, project, database)
      for input in inputs { try Self.add(input, to: run, project, database) }
      for model in models { try Self.link(model, step: 0, isOutput: false, to: run, project, database) }
    }
  }

  /// Adds the models that a run has made.
  public func logOutputs(_ models: [ModelLink], to identifier: String) async throws {
    try await write { [project] database in
      let run = try Self.activeRun(identifier, project, database)
      for model in models { try Self.link(model.model, step: model.step, isOutput: true, to: run, project, database) }
    }
  }

  /// The datasets of these experiments, at most 1,000.
  public func datasets(of experiments: [Int64]) async throws -> [DatasetSummary] {
    let list = experiments.map(String.init).joined(separator: ",")
    return try await read { [project] database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT DISTINCT experiment.number AS experiment, dataset.name AS name, dataset.digest AS digest,
            inputTag.value AS context
          FROM dataset JOIN experiment ON experiment.id = dataset.experiment
          JOIN input ON input.dataset = dataset.id JOIN run ON run.id = input.run AND run.stage = 0
          LEFT JOIN inputTag ON inputTag.run = input.run AND inputTag.dataset = dataset.id
            AND inputTag.key = 'mlflow.data.context'
          WHERE experiment.project = ? AND experiment.number IN (\(list)) ORDER BY dataset.name, context LIMIT 1000
          """, arguments: [project]
      ).map {
        DatasetSummary(experiment: $0["experiment"], name: $0["name"], digest: $0["digest"], context: $0["context"])
      }
    }
  }

  private static func add(_ input: DatasetInput, to run: Run, _ project: String, _ database: Database) throws {
    let experiment = try experiment(run.experiment, project, database).id
    let dataset = input.dataset
    try database.execute(
      sql: """
        INSERT INTO dataset (experiment, name, digest, sourceType, source, schema, profile) VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """,
      arguments: [
        experiment, dataset.name, dataset.digest, dataset.sourceType, dataset.source, dataset.schema, dataset.profile,
      ])
    let id = try Int64.fetchOne(
      database, sql: "SELECT id FROM dataset WHERE experiment = ? AND name = ? AND digest = ?",
      arguments: [experiment, dataset.name, dataset.digest])!
    try database.execute(
      sql: "INSERT INTO input (run, dataset) VALUES (?, ?) ON CONFLICT DO NOTHING", arguments: [run.id, id])
    for tag in input.tags {
      try database.execute(
        sql: "INSERT OR REPLACE INTO inputTag (run, dataset, key, value) VALUES (?, ?, ?, ?)",
        arguments: [run.id, id, tag.key, tag.value])
    }
  }

  private static func link(
    _ model: String, step: Int64, isOutput: Bool, to run: Run, _ project: String, _ database: Database
  ) throws {
    _ = try loggedModel(model, project, database)
    try database.execute(
      sql: "INSERT OR REPLACE INTO modelLink (run, isOutput, model, step) VALUES (?, ?, ?, ?)",
      arguments: [run.id, isOutput, model, step])
  }
}
