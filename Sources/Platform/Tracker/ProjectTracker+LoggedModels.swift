import GRDB
import Linux

/// How far a logged model is, with MLflow's numbers.
public enum LoggedModelStatus: Int64, Sendable, CaseIterable {
  case pending = 1
  case ready = 2
  case uploadFailed = 3

  /// As it is in filters.
  public var name: String {
    switch self {
    case .pending: "PENDING"
    case .ready: "READY"
    case .uploadFailed: "FAILED"
    }
  }

  /// As it is in requests and answers.
  public var wireName: String { self == .uploadFailed ? "LOGGED_MODEL_UPLOAD_FAILED" : "LOGGED_MODEL_\(name)" }

  public init?(wireName: String) {
    guard let status = Self.allCases.first(where: { $0.wireName == wireName }) else { return nil }
    self = status
  }
}

/// A model that a run has made, before anybody registers it.
public struct LoggedModel: Sendable {
  /// Its row.
  let id: Int64
  /// `m-` and 32 hexadecimal digits.
  public let identifier: String
  /// The number of its experiment.
  public let experiment: Int64
  public let name: String
  public let type: String
  /// The run that made it; empty: none.
  public let sourceRun: String
  public let status: LoggedModelStatus
  public let createdAt: Int64
  public let updatedAt: Int64
  /// Where its artifacts are, if not in Cairn.
  public let artifactLocation: String?
  /// The job that made it, if one did.
  public let job: String?
  public var parameters: [KeyValue] = []
  public var tags: [KeyValue] = []
  public var metrics: [LoggedModelMetric] = []
}

/// A value of a model's metric, perhaps on a dataset.
public struct LoggedModelMetric: Sendable {
  public let key: String
  public let point: MetricPoint
  /// The run that measured it.
  public let run: String
  /// Empty: no dataset is named.
  public let datasetName: String
  public let datasetDigest: String
}

extension LoggedModel: FetchableRecord {
  /// What ``init(row:)`` reads, and whence.
  static let selection = """
    SELECT loggedModel.*, experiment.number AS number, experiment.location AS location
    FROM loggedModel JOIN experiment ON experiment.id = loggedModel.experiment
    """

  public init(row: Row) {
    let identifier: String = row["identifier"]
    let location: String? = row["location"]
    self.init(
      id: row["id"], identifier: identifier, experiment: row["number"], name: row["name"], type: row["type"],
      sourceRun: row["sourceRun"], status: LoggedModelStatus(rawValue: row["status"]) ?? .pending,
      createdAt: row["createdAt"], updatedAt: row["updatedAt"],
      artifactLocation: location.map { "\($0)/models/\(identifier)/artifacts" }, job: row["job"])
  }
}

/// What a new logged model is to be.
public struct NewLoggedModel: Sendable {
  public var experiment: Int64
  /// nil: one is made up.
  public var name: String?
  public var type: String
  public var sourceRun: String
  public var parameters: [KeyValue]
  public var tags: [KeyValue]
  public var job: String?

  public init(
    experiment: Int64, name: String?, type: String, sourceRun: String, parameters: [KeyValue], tags: [KeyValue],
    job: String?
  ) {
    self.experiment = experiment
    self.name = name
    self.type = type
    self.sourceRun = sourceRun
    self.parameters = parameters
    self.tags = tags
    self.job = job
  }
}

extension ProjectTracker {
  public func createLoggedModel(_ new: NewLoggedModel) async throws -> LoggedModel {
    for pair in new.parameters { try Limits.checkKey(pair.key, "parameter") }
    for pair in new.tags { try Limits.checkKey(pair.key, "tag") }
    let name = new.name.flatMap { $0.isEmpty ? nil : $0 } ?? madeUpRunName()
    try Limits.checkLoggedModelName(name)
    let identifier = "m-" + newIdentifier()
    try await write { [project] database in
      let experiment = try Self.activeExperiment(new.experiment, project, database)
      if !new.sourceRun.isEmpty { _ = try Self.run(new.sourceRun, project, database) }
      let now = millisecondsNow()
      try database.execute(
        sql: """
          INSERT INTO loggedModel
            (identifier, experiment, name, type, sourceRun, status, stage, createdAt, updatedAt, job)
          VALUES (?, ?, ?, ?, ?, 1, 0, ?, ?, ?)
          """, arguments: [identifier, experiment.id, name, new.type, new.sourceRun, now, now, new.job])
      let id = database.lastInsertedRowID
      try Self.set(new.parameters, in: "loggedModelParameter", of: id, database)
      try Self.set(new.tags, in: "loggedModelTag", of: id, database)
    }
    return try await loggedModel(identifier)
  }

  /// - Throws: ``TrackerError``
  public func loggedModel(_ identifier: String) async throws -> LoggedModel {
    try await read { [project] database in
      try Self.details(of: [Self.loggedModel(identifier, project, database)], database)[0]
    }
  }

  public func setStatus(_ status: LoggedModelStatus, ofModel identifier: String) async throws -> LoggedModel {
    try await change(identifier) { id, database in
      try database.execute(sql: "UPDATE loggedModel SET status = ? WHERE id = ?", arguments: [status.rawValue, id])
    }
  }

  public func setTags(_ tags: [KeyValue], ofModel identifier: String) async throws {
    for tag in tags { try Limits.checkKey(tag.key, "tag") }
    _ = try await change(identifier) { try Self.set(tags, in: "loggedModelTag", of: $0, $1) }
  }

  public func deleteTag(_ key: String, ofModel identifier: String) async throws {
    _ = try await change(identifier) { id, database in
      try database.execute(sql: "DELETE FROM loggedModelTag WHERE model = ? AND key = ?", arguments: [id, key])
      guard database.changesCount == 1 else {
        throw TrackerError(.resourceDoesNotExist, "No tag with key '\(key)' found for logged model '\(identifier)'.")
      }
    }
  }

  public func addParameters(_ parameters: [KeyValue], toModel identifier: String) async throws {
    for parameter in parameters { try Limits.checkKey(parameter.key, "parameter") }
    _ = try await change(identifier) { try Self.set(parameters, in: "loggedModelParameter", of: $0, $1) }
  }

  /// Deletes a logged model. Its files stay.
  public func deleteLoggedModel(_ identifier: String) async throws {
    try await write { [project] database in
      let model = try Self.loggedModel(identifier, project, database)
      try database.execute(sql: "UPDATE loggedModel SET stage = 1 WHERE id = ?", arguments: [model.id])
    }
  }

  private func change(
    _ identifier: String, _ body: @escaping @Sendable (Int64, Database) throws -> Void
  ) async throws -> LoggedModel {
    try await write { [project] database in
      let model = try Self.loggedModel(identifier, project, database)
      try body(model.id, database)
      try database.execute(
        sql: "UPDATE loggedModel SET updatedAt = ? WHERE id = ?", arguments: [millisecondsNow(), model.id])
      return try Self.details(of: [Self.loggedModel(identifier, project, database)], database)[0]
    }
  }

  // MARK: Within a transaction

  static func loggedModel(_ identifier: String, _ project: String, _ database: Database) throws -> LoggedModel {
    let model = try LoggedModel.fetchOne(
      database,
      sql: "\(LoggedModel.selection) WHERE identifier = ? AND experiment.project = ? AND loggedModel.stage = 0",
      arguments: [identifier, project])
    guard let model else {
      throw TrackerError(.resourceDoesNotExist, "Logged model with ID '\(identifier)' not found.")
    }
    return model
  }

  static func details(of models: [LoggedModel], _ database: Database) throws -> [LoggedModel] {
    try models.map { model in
      var model = model
      model.parameters = try pairs(in: "loggedModelParameter", of: model.id, database)
      model.tags = try pairs(in: "loggedModelTag", of: model.id, database)
      model.metrics = try Row.fetchAll(
        database, sql: "SELECT * FROM loggedModelMetric WHERE model = ? ORDER BY key, step, time", arguments: [model.id]
      ).map { row in
        let value: Double? = row["value"]
        return LoggedModelMetric(
          key: row["key"], point: MetricPoint(step: row["step"], timestamp: row["time"], value: value ?? .nan),
          run: row["run"], datasetName: row["datasetName"], datasetDigest: row["datasetDigest"])
      }
      return model
    }
  }

  private static func set(_ pairs: [KeyValue], in table: String, of model: Int64, _ database: Database) throws {
    for pair in pairs {
      try database.execute(
        sql: "INSERT OR REPLACE INTO \(table) (model, key, value) VALUES (?, ?, ?)",
        arguments: [model, pair.key, pair.value])
    }
  }

  private static func pairs(in table: String, of model: Int64, _ database: Database) throws -> [KeyValue] {
    try Row.fetchAll(database, sql: "SELECT key, value FROM \(table) WHERE model = ? ORDER BY key", arguments: [model])
      .map { KeyValue($0["key"], $0["value"]) }
  }
}
