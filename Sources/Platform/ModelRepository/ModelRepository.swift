import GRDB
import Linux
public import Logging
import Records

/// Registered models and their versions, of all projects: `models.db` and the trees under `models/`.
///
/// The rules are those of MLflow's model registry, because its clients rely on them. A change is acknowledged when it is
/// on the disk. Safe to use from any number of tasks.
public final class ModelRepository: Sendable {
  let file: RecordFile
  let storage: any ModelStorage
  let logger: Logger
  /// What makes and removes trees that several versions share, and links, each in the order of the records.
  let trees = OneAtATime()
  let links = OneAtATime()
  /// Versions that an earlier daemon was making.
  let leftPending: [ModelVersion]
  private let changes: AsyncStream<Void>.Continuation
  /// Yields after events were appended, at least once for any number of them. For one reader.
  public let eventSignal: AsyncStream<Void>
  /// Whether the holder of a use has gone without giving it back: a job that has ended, for one.
  let hasGone: @Sendable (ModelUse) async throws -> Bool
  /// What a job was made of; nil: it is not known any more.
  let lineage: @Sendable (_ job: String) async throws -> ModelLineage?

  /// - Parameters:
  ///   - lineage: asked of the job that a new version comes from.
  ///   - hasGone: asked of each use of a version that is about to be removed.
  /// - Throws: `RecordFileError` where another process has it open, or a newer version of Cairn wrote it.
  public init(
    path: String, storage: any ModelStorage, logger: Logger,
    lineage: @escaping @Sendable (_ job: String) async throws -> ModelLineage?,
    hasGone: @escaping @Sendable (ModelUse) async throws -> Bool
  ) throws {
    file = try RecordFile(path: path, migrator: ModelMigrations.all)
    // Now, before anybody can begin another one.
    leftPending = try file.pool.read { database in
      try ModelVersion.fetchAll(database, sql: "\(ModelVersion.selection) WHERE status = 'PENDING_REGISTRATION'")
    }
    self.storage = storage
    self.logger = logger
    self.hasGone = hasGone
    self.lineage = lineage
    (eventSignal, changes) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    changes.yield()
  }

  /// What a project has.
  public func project(_ name: String) -> ProjectModels { ProjectModels(repository: self, project: name) }

  /// The projects that have a model of this name.
  public func projects(with name: String) async throws -> [String] {
    try await read {
      try String.fetchAll($0, sql: "SELECT project FROM model WHERE name = ? ORDER BY project", arguments: [name])
    }
  }

  /// How many models a project has.
  public func count(in project: String) async throws -> Int {
    try await read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM model WHERE project = ?", arguments: [project]) ?? 0
    }
  }

  /// The numbers of the workspaces' snapshots that versions came of.
  public func workspaceSnapshots() async throws -> Set<UInt32> {
    try await read {
      try UInt32.fetchSet(
        $0,
        sql: """
          SELECT DISTINCT lineage ->> '$.workspaceSnapshot' FROM modelVersion
          WHERE lineage ->> '$.workspaceSnapshot' IS NOT NULL
          """)
    }
  }

  // MARK: Events

  /// The first events after the one with number `sequence`.
  public func events(after sequence: Int64, limit: Int = 100) async throws -> [ModelEvent] {
    try await read {
      try ModelEvent.fetchAll(
        $0, sql: "SELECT * FROM modelEvent WHERE sequence > ? ORDER BY sequence LIMIT ?", arguments: [sequence, limit])
    }
  }

  /// Forgets the events up to this one, which have been passed on.
  public func forgetEvents(upTo sequence: Int64) async throws {
    try await file.pool.write {
      try $0.execute(sql: "DELETE FROM modelEvent WHERE sequence <= ?", arguments: [sequence])
    }
  }

  func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    try await file.pool.read(body)
  }

  func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    let value = try await file.pool.write(body)
    changes.yield()
    return value
  }
}

/// One project's models: no call of it reaches another project's.
public struct ProjectModels: Sendable {
  let repository: ModelRepository
  public let project: String

  func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    try await repository.read(body)
  }

  func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    try await repository.write(body)
  }
}
