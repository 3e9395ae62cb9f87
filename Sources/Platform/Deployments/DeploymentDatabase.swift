import ControlDatabase
import DeploymentStates
import GRDB
import Linux
import Records

extension Deployment: FetchableRecord {}
extension Revision: FetchableRecord {}
extension Replica: FetchableRecord {}
extension DeploymentEvent: FetchableRecord {}

/// The records of deployments. Every change is one transaction; what is made outside bears names that are here first.
final class DeploymentDatabase: Sendable {
  private let file: RecordFile
  private let changes = ChangeSignal()

  /// - Throws: `RecordFileError` where another process has it open, or a newer version of Cairn wrote it.
  init(path: String) throws { file = try RecordFile(path: path, migrator: Self.migrations) }

  /// Yields after every change, at least once for any number of them, and once at the beginning.
  func watchChanges() -> AsyncStream<Void> { changes.subscribe() }

  /// Wakes who watches, for a change that is in no record.
  func announceChange() { changes.notify() }

  func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    try await file.pool.read(body)
  }

  func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    let value = try await file.pool.write(body)
    changes.notify()
    return value
  }

  private static var migrations: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    // What has been released is never changed: a new form is a new migration.
    migrator.registerMigration("1") { database in
      try database.execute(
        sql: """
          CREATE TABLE deployment (
            name TEXT PRIMARY KEY NOT NULL,
            scaling TEXT NOT NULL,
            replicas INTEGER NOT NULL,
            stable INTEGER,
            target INTEGER NOT NULL,
            rollout TEXT NOT NULL,
            progressedAt INTEGER NOT NULL,
            rolledBack TEXT,
            lock TEXT,
            isRemoving INTEGER NOT NULL,
            createdAt INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;

          CREATE TABLE revision (
            deployment TEXT NOT NULL REFERENCES deployment (name) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            specification TEXT NOT NULL,
            model TEXT,
            digest TEXT NOT NULL,
            createdAt INTEGER NOT NULL,
            PRIMARY KEY (deployment, number)
          ) STRICT, WITHOUT ROWID;

          CREATE TABLE replica (
            id TEXT PRIMARY KEY NOT NULL,
            deployment TEXT NOT NULL REFERENCES deployment (name) ON DELETE CASCADE,
            revision INTEGER NOT NULL,
            state TEXT NOT NULL,
            detail TEXT,
            container TEXT NOT NULL UNIQUE,
            attempt INTEGER NOT NULL,
            restarts INTEGER NOT NULL,
            address TEXT,
            createdAt INTEGER NOT NULL,
            startedAt INTEGER,
            readyAt INTEGER,
            restartAt INTEGER
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX replicaDeployment ON replica (deployment, createdAt);

          -- Outlives what it tells of.
          CREATE TABLE event (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            time INTEGER NOT NULL,
            deployment TEXT NOT NULL,
            kind TEXT NOT NULL,
            detail TEXT
          ) STRICT;
          CREATE INDEX eventDeployment ON event (deployment, sequence);
          """)
    }
    return migrator
  }
}

extension Database {
  /// Appends an event. The transaction that it is part of has made what it tells.
  func append(event kind: String, of deployment: String, _ detail: String? = nil) throws {
    try execute(
      sql: "INSERT INTO event (time, deployment, kind, detail) VALUES (?, ?, ?, ?)",
      arguments: [nanosecondsNow(), deployment, kind, detail])
  }

  func deployment(_ name: String) throws -> Deployment {
    guard let found = try Deployment.fetchOne(self, sql: "SELECT * FROM deployment WHERE name = ?", arguments: [name])
    else {
      throw ControlError(
        .notFound, subject: name, "there is no deployment \(name); cairn deploy ls shows those there are")
    }
    return found
  }

  func revision(_ number: Int, of deployment: String) throws -> Revision {
    guard
      let found = try Revision.fetchOne(
        self, sql: "SELECT * FROM revision WHERE deployment = ? AND number = ?", arguments: [deployment, number])
    else {
      throw ControlError(
        .notFound, subject: deployment,
        "deployment \(deployment) has no revision \(number); cairn deploy show \(deployment) lists them")
    }
    return found
  }

  func replica(_ id: String) throws -> Replica? {
    try Replica.fetchOne(self, sql: "SELECT * FROM replica WHERE id = ?", arguments: [id])
  }

  func store(_ deployment: Deployment) throws {
    try execute(
      sql: """
        UPDATE deployment SET scaling = ?, replicas = ?, stable = ?, target = ?, rollout = ?, progressedAt = ?,
          rolledBack = ?, lock = ?, isRemoving = ? WHERE name = ?
        """,
      arguments: [
        try sortedJSON(deployment.scaling), deployment.replicas, deployment.stable, deployment.target,
        try sortedJSON(deployment.rollout), deployment.progressedAt, deployment.rolledBack,
        try deployment.lock.map { try sortedJSON($0) }, deployment.isRemoving, deployment.name,
      ])
  }

  func store(_ replica: Replica) throws {
    try execute(
      sql: """
        UPDATE replica SET state = ?, detail = ?, container = ?, attempt = ?, restarts = ?, address = ?, startedAt = ?,
          readyAt = ?, restartAt = ? WHERE id = ?
        """,
      arguments: [
        replica.state.rawValue, replica.detail, replica.container, replica.attempt, replica.restarts, replica.address,
        replica.startedAt, replica.readyAt, replica.restartAt, replica.id,
      ])
  }
}
