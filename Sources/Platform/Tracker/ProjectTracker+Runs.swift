import GRDB
import Linux

extension Run: FetchableRecord {
  /// What ``init(row:)`` reads, and whence.
  static let selection = """
    SELECT run.*, experiment.number AS number, experiment.location AS location
    FROM run JOIN experiment ON experiment.id = run.experiment
    """

  public init(row: Row) {
    let identifier: String = row["identifier"]
    let location: String? = row["location"]
    self.init(
      id: row["id"], identifier: identifier, name: row["name"], user: row["user"],
      status: RunStatus(rawValue: row["status"]) ?? .running, stage: LifecycleStage(rawValue: row["stage"]) ?? .active,
      startTime: row["startTime"], endTime: row["endTime"], experiment: row["number"],
      artifactLocation: location.map { "\($0)/\(identifier)/artifacts" }, job: row["job"], attempt: row["attempt"])
  }
}

/// What a new run is to be.
public struct NewRun: Sendable {
  /// The number of its experiment.
  public var experiment: Int64
  /// nil: one is made up.
  public var name: String?
  public var user: String?
  /// Milliseconds since 1970; nil: now.
  public var startTime: Int64?
  public var tags: [KeyValue]
  /// The job and the attempt that make it.
  public var job: String?
  public var attempt: Int?

  public init(
    experiment: Int64, name: String?, user: String?, startTime: Int64?, tags: [KeyValue], job: String?, attempt: Int?
  ) {
    self.experiment = experiment
    self.name = name
    self.user = user
    self.startTime = startTime
    self.tags = tags
    self.job = job
    self.attempt = attempt
  }
}

extension ProjectTracker {
  /// MLflow's clients read and write a run's name and user as tags, too.
  static let nameTag = "mlflow.runName"
  static let userTag = "mlflow.user"

  /// - Throws: ``TrackerError``
  public func createRun(_ new: NewRun) async throws -> LoggedRun {
    var tags = new.tags
    for tag in tags { try Limits.checkKey(tag.key, "tag") }
    let tagged = tags.last { $0.key == Self.nameTag }?.value
    if let name = new.name, !name.isEmpty, let tagged, tagged != name {
      throw TrackerError(
        .invalidParameterValue,
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
          + "(run_name='\(name)', mlflow.runName='\(tagged)').")
    }
    let given = new.name.flatMap { $0.isEmpty ? nil : $0 } ?? tagged.flatMap { $0.isEmpty ? nil : $0 }
    let name = given ?? madeUpRunName()
    tags.removeAll { $0.key == Self.nameTag }
    tags.append(KeyValue(Self.nameTag, name))
    let user = new.user.flatMap { $0.isEmpty ? nil : $0 } ?? tags.last { $0.key == Self.userTag }?.value ?? "unknown"
    let identifier = newIdentifier()
    let numbers = try await tracker.keys.numbers(of: tags.map(\.key))
    try await write { [project, tags] database in
      let experiment = try Self.activeExperiment(new.experiment, project, database)
      try database.execute(
        sql: """
          INSERT INTO run (identifier, experiment, name, user, status, stage, startTime, job, attempt)
          VALUES (?, ?, ?, ?, 1, 0, ?, ?, ?)
          """,
        arguments: [
          identifier, experiment.id, name, user, new.startTime ?? millisecondsNow(), new.job, new.attempt,
        ])
      let run = database.lastInsertedRowID
      for tag in tags { try Self.set(tag.value, numbers[tag.key]!, of: run, database) }
    }
    return try await run(identifier)
  }

  /// - Throws: ``TrackerError``
  public func run(_ identifier: String) async throws -> LoggedRun {
    try await read { [self] database in
      try details(of: [Self.run(identifier, project, database)], database)[0]
    }
  }

  /// Changes what is given of a run that is not deleted.
  public func updateRun(
    _ identifier: String, status: RunStatus? = nil, endTime: Int64? = nil, name: String? = nil
  ) async throws -> Run {
    let nameKey = try await tracker.keys.numbers(of: [Self.nameTag])[Self.nameTag]!
    return try await write { [project] database in
      let run = try Self.activeRun(identifier, project, database)
      let name = name.flatMap { $0.isEmpty ? nil : $0 }
      try database.execute(
        sql: """
          UPDATE run SET status = coalesce(?, status), endTime = coalesce(?, endTime), name = coalesce(?, name)
          WHERE id = ?
          """, arguments: [status?.rawValue, endTime, name, run.id])
      if let name { try Self.set(name, nameKey, of: run.id, database) }
      return try Self.run(identifier, project, database)
    }
  }

  /// Deletes a run; ``restoreRun(_:)`` undoes it.
  public func deleteRun(_ identifier: String) async throws { try await move(identifier, to: .deleted) }

  public func restoreRun(_ identifier: String) async throws { try await move(identifier, to: .active) }

  private func move(_ identifier: String, to stage: LifecycleStage) async throws {
    try await write { [project] database in
      let run = try Self.run(identifier, project, database)
      try database.execute(sql: "UPDATE run SET stage = ? WHERE id = ?", arguments: [stage.rawValue, run.id])
    }
  }

  // MARK: Within a transaction

  static func run(_ identifier: String, _ project: String, _ database: Database) throws -> Run {
    let run = try Run.fetchOne(
      database.cachedStatement(sql: "\(Run.selection) WHERE run.identifier = ? AND experiment.project = ?"),
      arguments: [identifier, project])
    guard let run else { throw TrackerError(.resourceDoesNotExist, "Run with id=\(identifier) not found") }
    return run
  }

  static func activeRun(_ identifier: String, _ project: String, _ database: Database) throws -> Run {
    let run = try run(identifier, project, database)
    guard run.stage == .active else {
      throw TrackerError(
        .invalidParameterValue, "The run \(identifier) must be in the 'active' state. Current state is deleted.")
    }
    return run
  }

  static func set(_ value: String, _ key: Int64, of run: Int64, _ database: Database) throws {
    try database.cachedStatement(sql: "INSERT OR REPLACE INTO tag (run, key, value) VALUES (?, ?, ?)")
      .execute(arguments: [run, key, value])
  }
}

/// 32 hexadecimal digits.
func newIdentifier() -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: randomBytes(16).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// A name for a run that was given none: easier to speak of than its identifier.
func madeUpRunName() -> String {
  let first = ["amber", "brisk", "calm", "dusty", "early", "fair", "grand", "hardy", "ivory", "jolly", "keen", "lucid"]
  let second = ["alder", "beacon", "cairn", "delta", "ember", "fjord", "glacier", "heath", "island", "juniper", "kelp"]
  var generator = SystemRandomNumberGenerator()
  return
    "\(first.randomElement(using: &generator)!)-\(second.randomElement(using: &generator)!)-\(Int.random(in: 1...999))"
}
