import GRDB

/// Some of what a search found.
public struct SearchPage<Record: Sendable>: Sendable {
  public let records: [Record]
  /// What to hand in for those that come after; nil: there are none.
  public let next: PageToken?
}

extension SearchTable {
  static let runs = SearchTable(
    selection: Run.selection,
    attributes: [
      "run_id": "run.identifier", "run_name": "run.name", "user_id": "run.user", "start_time": "run.startTime",
      "end_time": "run.endTime",
      "status": """
      CASE run.status WHEN 1 THEN 'RUNNING' WHEN 2 THEN 'SCHEDULED' WHEN 3 THEN 'FINISHED' WHEN 4 THEN 'FAILED'
        ELSE 'KILLED' END
      """,
      "artifact_uri": """
      ifnull(experiment.location, 'mlflow-artifacts:/' || experiment.number) || '/' || run.identifier || '/artifacts'
      """,
    ],
    keyed: [
      .metric: Keyed(row: "FROM latest WHERE run = run.id AND key = ?", value: "value", hasNumberedKeys: true),
      .parameter: Keyed(row: "FROM parameter WHERE run = run.id AND key = ?", value: "value", hasNumberedKeys: true),
      .tag: Keyed(row: "FROM tag WHERE run = run.id AND key = ?", value: "value", hasNumberedKeys: true),
      .dataset: Keyed(
        row: """
          FROM (SELECT dataset.name, dataset.digest, inputTag.value AS context FROM input
            JOIN dataset ON dataset.id = input.dataset
            LEFT JOIN inputTag ON inputTag.run = input.run AND inputTag.dataset = input.dataset
              AND inputTag.key = 'mlflow.data.context'
            WHERE input.run = run.id) AS given WHERE 1
          """, value: "given.", hasNumberedKeys: false),
    ],
    tieBreakers: [("run.startTime", false), ("run.identifier", true)])

  static let experiments = SearchTable(
    selection: "SELECT experiment.* FROM experiment",
    attributes: [
      "name": "experiment.name", "experiment_id": "CAST(experiment.number AS TEXT)",
      "creation_time": "experiment.createdAt", "last_update_time": "experiment.updatedAt",
    ],
    keyed: [
      .tag: Keyed(
        row: "FROM experimentTag WHERE experiment = experiment.id AND key = ?", value: "value", hasNumberedKeys: false)
    ],
    tieBreakers: [("experiment.createdAt", false), ("experiment.number", false)])

  static let loggedModels = SearchTable(
    selection: LoggedModel.selection,
    attributes: [
      "name": "loggedModel.name", "model_id": "loggedModel.identifier", "model_type": "loggedModel.type",
      "status": "CASE loggedModel.status WHEN 1 THEN 'PENDING' WHEN 2 THEN 'READY' ELSE 'FAILED' END",
      "source_run_id": "loggedModel.sourceRun", "creation_timestamp": "loggedModel.createdAt",
      "last_updated_timestamp": "loggedModel.updatedAt",
    ],
    keyed: [
      .metric: Keyed(
        row: """
          FROM (SELECT value FROM loggedModelMetric WHERE model = loggedModel.id AND key = ?
            ORDER BY step DESC, time DESC LIMIT 1) AS latest WHERE 1
          """, value: "value", hasNumberedKeys: false),
      .parameter: Keyed(
        row: "FROM loggedModelParameter WHERE model = loggedModel.id AND key = ?", value: "value",
        hasNumberedKeys: false),
      .tag: Keyed(
        row: "FROM loggedModelTag WHERE model = loggedModel.id AND key = ?", value: "value", hasNumberedKeys: false),
    ],
    tieBreakers: [("loggedModel.createdAt", false), ("loggedModel.id", false)])
}

extension ProjectTracker {
  /// - Parameter mostMetrics: of all runs of a page together. Clients ask for 10,000 runs at once, whatever these hold:
  ///   with 500 metrics each that would be half a gigabyte. A page may be shorter than was asked for, and they go on with
  ///   the next; 200,000 metrics are 20 MB as JSON.
  /// - Throws: ``FilterError`` for a token of another search.
  public func searchRuns(
    in experiments: [Int64], _ filter: SearchFilter, _ order: SearchOrder, stages: StageView = .active,
    after token: PageToken? = nil, limit: Int, mostMetrics: Int = 200_000
  ) async throws -> SearchPage<LoggedRun> {
    try await read { [self] database in
      let statement = try SearchStatement(
        .runs, filter, order,
        conditions: [
          ("run.experiment IN (\(try rows(of: experiments, database)))", []), (stages.condition("run.stage"), []),
        ], keyNumber: tracker.keys.number, after: token, limit: limit)
      return try statement.page(database, limit: limit) { rows in
        try details(of: rows.map(Run.init(row:)), mostMetrics: mostMetrics, database)
      }
    }
  }

  public func searchExperiments(
    _ filter: SearchFilter, _ order: SearchOrder, stages: StageView = .active, after token: PageToken? = nil, limit: Int
  ) async throws -> SearchPage<Experiment> {
    let statement = try SearchStatement(
      .experiments, filter, order,
      conditions: [("experiment.project = ?", [project]), (stages.condition("experiment.stage"), [])], after: token,
      limit: limit)
    return try await read { database in
      try statement.page(database, limit: limit) { rows in
        try rows.map { try Self.withTags(Experiment(row: $0), database) }
      }
    }
  }

  /// - Parameter datasets: only models that have a metric on one of them, of any digest where that is nil; none: all.
  public func searchLoggedModels(
    in experiments: [Int64], _ filter: SearchFilter, _ order: SearchOrder,
    datasets: [(name: String, digest: String?)] = [], after token: PageToken? = nil, limit: Int
  ) async throws -> SearchPage<LoggedModel> {
    var conditions: [(sql: String, arguments: StatementArguments)] = [("loggedModel.stage = 0", [])]
    if !datasets.isEmpty {
      let each = datasets.map { _ in "(datasetName = ? AND datasetDigest = ifnull(?, datasetDigest))" }
      var arguments: StatementArguments = []
      for dataset in datasets { arguments += [dataset.name, dataset.digest] }
      conditions.append(
        (
          "EXISTS (SELECT 1 FROM loggedModelMetric WHERE model = loggedModel.id AND (\(each.joined(separator: " OR "))))",
          arguments
        ))
    }
    return try await read { [self, conditions] database in
      let list = try rows(of: experiments, database)
      let statement = try SearchStatement(
        .loggedModels, filter, order, conditions: conditions + [("loggedModel.experiment IN (\(list))", [])],
        after: token, limit: limit)
      return try statement.page(database, limit: limit) {
        try Self.details(of: $0.map(LoggedModel.init(row:)), database)
      }
    }
  }

  /// The rows of those of these experiments that are this project's. With these, and no join to find them by, SQLite
  /// reads the runs of one experiment in the order of its index and stops at the end of the page.
  private func rows(of experiments: [Int64], _ database: Database) throws -> String {
    let list = experiments.map(String.init).joined(separator: ", ")
    return try Int64.fetchAll(
      database, sql: "SELECT id FROM experiment WHERE project = ? AND number IN (\(list))", arguments: [project]
    ).map(String.init).joined(separator: ", ")
  }
}
