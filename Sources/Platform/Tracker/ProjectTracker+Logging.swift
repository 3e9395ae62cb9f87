import GRDB
import Logging
import Records
import Wire

/// A point of a metric, and what it was measured on.
public struct LoggedMetric: Sendable {
  public var key: String
  public var point: MetricPoint
  /// The logged model that it is of; nil: none.
  public var model: String?
  public var datasetName: String?
  public var datasetDigest: String?

  public init(
    key: String, point: MetricPoint, model: String? = nil, datasetName: String? = nil, datasetDigest: String? = nil
  ) {
    self.key = key
    self.point = point
    self.model = model
    self.datasetName = datasetName
    self.datasetDigest = datasetDigest
  }
}

/// What a run logs in one request: all of it or nothing.
public struct LogBatch: Sendable {
  public var metrics: [LoggedMetric]
  public var parameters: [KeyValue]
  public var tags: [KeyValue]

  public init(metrics: [LoggedMetric] = [], parameters: [KeyValue] = [], tags: [KeyValue] = []) {
    self.metrics = metrics
    self.parameters = parameters
    self.tags = tags
  }
}

extension ProjectTracker {
  /// Adds a batch to a run. Sent twice, it is as if it were sent once.
  /// - Throws: ``TrackerError``, also where a parameter has another value already.
  public func log(_ batch: LogBatch, to identifier: String) async throws {
    let batch = try Self.checked(batch, run: identifier)
    var names = Set(batch.metrics.map(\.key))
    names.formUnion(batch.parameters.map(\.key))
    names.formUnion(batch.tags.map(\.key))
    let numbers = try await tracker.keys.numbers(of: names)
    let entries = batch.metrics.map { MetricTail.Entry(key: numbers[$0.key]!, point: $0.point) }
    let metrics = tracker.metrics
    let run = try await tracker.commits.write { [project] database in
      let run = try Self.activeRun(identifier, project, database)
      for parameter in batch.parameters {
        try Self.add(parameter, numbers[parameter.key]!, to: run, database)
      }
      for tag in batch.tags {
        try Self.set(tag.value, numbers[tag.key]!, of: run.id, database)
        if tag.key == Self.nameTag {
          try database.execute(sql: "UPDATE run SET name = ? WHERE id = ?", arguments: [tag.value, run.id])
        }
      }
      guard !entries.isEmpty else { return (id: run.id, sequence: Int64(0)) }
      for (key, point) in Self.latest(of: entries) { try Self.set(point, key, of: run.id, database) }
      for metric in batch.metrics where metric.model != nil { try Self.add(metric, run, project, database) }
      return (id: run.id, sequence: try metrics.append(entries, run: run.id, database))
    } committed: { run in
      if !entries.isEmpty { metrics.add(entries, run: run.id, sequence: run.sequence) }
    }
    guard !entries.isEmpty else { return }
    tracker.announceMetrics()
    await seal(run: run.id, keys: Set(entries.map(\.key)))
  }

  /// - Throws: ``TrackerError`` where there is none.
  public func deleteTag(_ key: String, of identifier: String) async throws {
    let number = tracker.keys.number(of: key)
    try await write { [project] database in
      let run = try Self.activeRun(identifier, project, database)
      try database.execute(sql: "DELETE FROM tag WHERE run = ? AND key = ?", arguments: [run.id, number])
      guard database.changesCount == 1 else {
        throw TrackerError(.resourceDoesNotExist, "No tag with name: \(key) in run with id \(identifier)")
      }
    }
  }

  /// Adds what an old client tells of a model to the run's list of them, a tag that is a JSON array.
  /// - Parameter model: JSON.
  public func addToHistory(ofModels model: String, of identifier: String) async throws {
    guard let parsed = try? JSONValue(parsing: Array(model.utf8)), case .object = parsed else {
      throw TrackerError(.invalidParameterValue, "Malformed model info: it is not a JSON object.")
    }
    let number = try await tracker.keys.numbers(of: [Self.modelHistoryTag])[Self.modelHistoryTag]!
    try await write { [project] database in
      let run = try Self.activeRun(identifier, project, database)
      let old = try String.fetchOne(
        database, sql: "SELECT value FROM tag WHERE run = ? AND key = ?", arguments: [run.id, number])
      var models: [JSONValue] = []
      if let old, case .array(let values)? = try? JSONValue(parsing: Array(old.utf8)) { models = values }
      var writer = JSONWriter()
      writer.value(.array(models + [parsed]))
      try Self.set(String(decoding: writer.bytes, as: UTF8.self), number, of: run.id, database)
    }
  }

  private static let modelHistoryTag = "mlflow.log-model.history"

  // MARK: Checks

  private static func checked(_ batch: LogBatch, run: String) throws -> LogBatch {
    var batch = batch
    var keys: Set<String> = []
    for metric in batch.metrics where keys.insert(metric.key).inserted { try Limits.checkKey(metric.key, "metric") }
    var values: [String: String] = [:]
    for (index, parameter) in batch.parameters.enumerated() {
      try Limits.checkKey(parameter.key, "parameter")
      let value = Limits.truncated(parameter.value, to: Limits.parameterLength)
      batch.parameters[index].value = value
      if let other = values.updateValue(value, forKey: parameter.key), other != value {
        throw TrackerError(
          .invalidParameterValue,
          "Duplicate parameter keys have been submitted: the key '\(parameter.key)' comes with '\(other)' and '\(value)' "
            + "in one request for run ID='\(run)'.")
      }
    }
    for (index, tag) in batch.tags.enumerated() {
      try Limits.checkKey(tag.key, "tag")
      batch.tags[index].value = Limits.truncated(tag.value, to: Limits.runTagLength)
    }
    return batch
  }

  /// Of each key the entry that counts as its value.
  private static func latest(of entries: [MetricTail.Entry]) -> [Int64: MetricPoint] {
    var latest: [Int64: MetricPoint] = [:]
    for entry in entries {
      if let other = latest[entry.key], MetricPoint.isLater(other, than: entry.point) { continue }
      latest[entry.key] = entry.point
    }
    return latest
  }

  // MARK: Within a transaction

  private static func add(_ parameter: KeyValue, _ key: Int64, to run: Run, _ database: Database) throws {
    let old = try String.fetchOne(
      database.cachedStatement(sql: "SELECT value FROM parameter WHERE run = ? AND key = ?"), arguments: [run.id, key])
    guard let old else {
      try database.cachedStatement(sql: "INSERT INTO parameter (run, key, value) VALUES (?, ?, ?)")
        .execute(arguments: [run.id, key, parameter.value])
      return
    }
    guard old == parameter.value else {
      throw TrackerError(
        .invalidParameterValue,
        "Changing param values is not allowed. Param with key='\(parameter.key)' was already logged with value='\(old)' "
          + "for run ID='\(run.identifier)'. Attempted logging new value '\(parameter.value)'.")
    }
  }

  /// The order is that of ``MetricPoint/isLater(_:than:)``; NaN, which is NULL here, counts as the highest value.
  private static func set(_ point: MetricPoint, _ key: Int64, of run: Int64, _ database: Database) throws {
    let value = point.value.isNaN ? nil : point.value
    try database.cachedStatement(
      sql: """
        INSERT INTO latest (run, key, step, time, value) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (run, key) DO UPDATE SET step = excluded.step, time = excluded.time, value = excluded.value
        WHERE (excluded.step, excluded.time, ifnull(excluded.value, 9e999)) >= (step, time, ifnull(value, 9e999))
        """
    ).execute(arguments: [run, key, point.step, point.timestamp, value])
  }

  /// A metric of a logged model, of which every point is shown: there are as many as evaluations of it.
  private static func add(_ metric: LoggedMetric, _ run: Run, _ project: String, _ database: Database) throws {
    let model = try loggedModel(metric.model ?? "", project, database)
    let value = metric.point.value.isNaN ? nil : metric.point.value
    try database.execute(
      sql: """
        INSERT OR REPLACE INTO loggedModelMetric (model, key, run, datasetName, datasetDigest, step, time, value)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        model.id, metric.key, run.identifier, metric.datasetName ?? "", metric.datasetDigest ?? "", metric.point.step,
        metric.point.timestamp, value,
      ])
  }

  // MARK: Segments

  /// Makes segments of what has become long enough. What was logged is on the disk without it: a failure is no failure of
  /// the request, and the next one tries again.
  private func seal(run: Int64, keys: Set<Int64>) async {
    let claims = tracker.metrics.claim(run: run, keys: Array(keys))
    if claims.isEmpty { return }
    do {
      try await tracker.commits.write { [metrics = tracker.metrics] in try metrics.seal(claims, $0) }
      tracker.metrics.release(claims, areSealed: true)
    } catch {
      tracker.metrics.release(claims, areSealed: false)
      tracker.logger.error("metrics stay in the tail: \(error)")
    }
  }
}
