import GRDB
import Linux
public import Logging
import Records
import Synchronization

/// What training runs log, of all projects: `tracker.db`.
///
/// A change is acknowledged when it is on the disk. Changes that come at the same time share a transaction. Safe to use
/// from any number of tasks.
public final class Tracker: Sendable {
  let file: RecordFile
  let commits: GroupCommit
  let keys: KeyNames
  let metrics: MetricStore
  let logger: Logger
  /// Projects that have their tenant: they keep it.
  private let tenants = Mutex<Set<String>>([])
  private let metricsListener = Mutex<(@Sendable () -> Void)?>(nil)

  /// - Throws: ``RecordFileError`` where another process has it open, or a newer version of Cairn wrote it.
  public init(path: String, logger: Logger) throws {
    file = try RecordFile(path: path, migrator: TrackerMigrations.all)
    commits = GroupCommit(file)
    keys = try KeyNames(file, commits)
    metrics = MetricStore()
    self.logger = logger
    try file.pool.read { [metrics] in try metrics.load($0) }
  }

  /// Returns when what is being logged is on the disk and another may open the file. The end: what is asked of it later
  /// fails. Without it the file is free some time after the last user has let go.
  /// - Throws: where somebody goes on reading; then nothing is closed.
  public func close() throws { try file.close() }

  /// What a project has, which begins with an experiment `Default`.
  public func project(_ name: String) async throws -> ProjectTracker {
    if !tenants.withLock({ $0.contains(name) }) {
      let isThere = try await read { database in
        try Bool.fetchOne(database, sql: "SELECT 1 FROM tenant WHERE project = ?", arguments: [name]) ?? false
      }
      if !isThere { try await commits.write { try Self.addTenant(name, $0) } }
      tenants.withLock { _ = $0.insert(name) }
    }
    return ProjectTracker(tracker: self, project: name)
  }

  private static func addTenant(_ project: String, _ database: Database) throws {
    try database.execute(
      sql: "INSERT INTO tenant (project, nextExperiment) VALUES (?, 1) ON CONFLICT DO NOTHING", arguments: [project])
    guard database.changesCount == 1 else { return }
    let now = millisecondsNow()
    try database.execute(
      sql: """
        INSERT INTO experiment (project, number, name, stage, createdAt, updatedAt) VALUES (?, 0, 'Default', 0, ?, ?)
        """, arguments: [project, now, now])
  }

  /// Calls `body` whenever metrics have been logged, after they are on the disk. It must return at once; an earlier one is
  /// called no more.
  public func whenMetricsAreLogged(_ body: @escaping @Sendable () -> Void) { metricsListener.withLock { $0 = body } }

  func announceMetrics() { metricsListener.withLock { $0 }?() }

  /// The runs that a job has made, the oldest first.
  public func runs(of job: String) async throws -> [Run] {
    try await read { database in
      try Run.fetchAll(
        database, sql: "\(Run.selection) WHERE run.job = ? ORDER BY run.startTime, run.id", arguments: [job])
    }
  }

  /// The numbers of the workspaces' snapshots that runs were made from, also of deleted runs: they can be restored.
  public func workspaceSnapshots() async throws -> Set<UInt32> {
    guard let key = keys.number(of: "cairn.workspace_snapshot") else { return [] }
    let values = try await read {
      try String.fetchSet($0, sql: "SELECT DISTINCT value FROM tag WHERE key = ?", arguments: [key])
    }
    return Set(values.compactMap { UInt32($0) })
  }

  func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    try await file.pool.read(body)
  }
}

/// One project's part of the tracker: no call of it reaches another project's records.
public struct ProjectTracker: Sendable {
  let tracker: Tracker
  public let project: String

  func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    try await tracker.read(body)
  }

  func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    try await tracker.commits.write(body)
  }
}
