import ControlDatabase
import ExperimentFiles
import FoundationEssentials
import GRDB
import JobStates
import Linux
import Records

extension Experiment: FetchableRecord {}
extension Trial: FetchableRecord {}
extension Replica: FetchableRecord {}
extension SearchRecord: FetchableRecord {}

/// The records of experiments. Every change is one transaction; what is made outside bears names that are here first.
final class ExperimentDatabase: Sendable {
  private let file: RecordFile
  private let changes = ChangeSignal()

  /// - Throws: `RecordFileError` where another process has it open, or a newer version of Cairn wrote it.
  init(path: String) throws { file = try RecordFile(path: path, migrator: Self.migrations) }

  /// Yields after every change, at least once for any number of them, and once at the beginning.
  func watchChanges() -> AsyncStream<Void> { changes.subscribe() }

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
          CREATE TABLE experiment (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            project TEXT NOT NULL,
            text TEXT NOT NULL,
            file TEXT NOT NULL,
            workspaceSnapshot INTEGER,
            git TEXT,
            state TEXT NOT NULL,
            detail TEXT,
            restarts INTEGER NOT NULL,
            subnet TEXT,
            createdAt INTEGER NOT NULL,
            endedAt INTEGER
          ) STRICT;
          CREATE INDEX experimentName ON experiment (name);
          CREATE INDEX experimentState ON experiment (state);

          CREATE TABLE trial (
            experiment TEXT NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            job TEXT NOT NULL UNIQUE,
            parameters TEXT NOT NULL,
            origin INTEGER,
            isSubmitted INTEGER NOT NULL,
            stop TEXT,
            outcome TEXT,
            run TEXT,
            attempt INTEGER NOT NULL,
            reports INTEGER NOT NULL,
            best REAL,
            last REAL,
            lastTime INTEGER,
            createdAt INTEGER NOT NULL,
            PRIMARY KEY (experiment, number)
          ) STRICT, WITHOUT ROWID;

          CREATE TABLE replica (
            experiment TEXT NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
            restart INTEGER NOT NULL,
            rank INTEGER NOT NULL,
            role TEXT NOT NULL,
            "index" INTEGER NOT NULL,
            job TEXT NOT NULL UNIQUE,
            PRIMARY KEY (experiment, restart, rank)
          ) STRICT, WITHOUT ROWID;

          -- What each searcher was told and what it decided: all that is needed to go on after a restart.
          CREATE TABLE search (
            experiment TEXT NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            time INTEGER NOT NULL,
            event TEXT NOT NULL,
            decisions TEXT NOT NULL,
            PRIMARY KEY (experiment, number)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("2") { database in
      try database.execute(
        sql: """
          ALTER TABLE experiment ADD COLUMN models TEXT;
          ALTER TABLE experiment ADD COLUMN searcherVersion INTEGER;
          """)
    }
    return migrator
  }
}

/// JSON that is the same for equal values.
func sortedJSON(_ value: some Encodable) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = .sortedKeys
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}

// MARK: Reading

extension ExperimentDatabase {
  /// - Throws: `ControlError` `notFound`
  func experiment(_ id: String) async throws -> Experiment { try await read { try $0.experiment(id) } }

  /// The newest first.
  func experiments(project: String?, limit: Int) async throws -> [Experiment] {
    try await read {
      try Experiment.fetchAll(
        $0,
        sql: """
          SELECT * FROM experiment WHERE (:project IS NULL OR project = :project) ORDER BY sequence DESC LIMIT :limit
          """, arguments: ["project": project, "limit": limit])
    }
  }

  func workspaceSnapshots() async throws -> Set<UInt32> {
    try await read {
      try UInt32.fetchSet(
        $0, sql: "SELECT DISTINCT workspaceSnapshot FROM experiment WHERE workspaceSnapshot IS NOT NULL")
    }
  }

  func unfinishedExperiments() async throws -> [Experiment] {
    try await read {
      try Experiment.fetchAll(
        $0, sql: "SELECT * FROM experiment WHERE state IN ('running', 'stopping') ORDER BY sequence")
    }
  }

  /// Those that have ended and had models.
  func endedExperimentsWithModels() async throws -> [String] {
    try await read {
      try String.fetchAll(
        $0, sql: "SELECT id FROM experiment WHERE models IS NOT NULL AND state NOT IN ('running', 'stopping')")
    }
  }

  /// Those with this identifier, else those whose identifier begins so, else those of this name; the newest first, at
  /// most 20.
  func experiments(matching reference: String) async throws -> [Experiment] {
    try await read { database in
      for condition in ["id = :reference", "substr(id, 1, length(:reference)) = :reference", "name = :reference"] {
        let found = try Experiment.fetchAll(
          database, sql: "SELECT * FROM experiment WHERE \(condition) ORDER BY sequence DESC LIMIT 20",
          arguments: ["reference": reference])
        if !found.isEmpty { return found }
      }
      return []
    }
  }

  func trials(of experiment: String) async throws -> [Trial] {
    try await read {
      try Trial.fetchAll($0, sql: "SELECT * FROM trial WHERE experiment = ? ORDER BY number", arguments: [experiment])
    }
  }

  /// Those whose jobs have not ended.
  func liveTrials(of experiment: String) async throws -> [Trial] {
    try await read {
      try Trial.fetchAll(
        $0, sql: "SELECT * FROM trial WHERE experiment = ? AND outcome IS NULL ORDER BY number",
        arguments: [experiment])
    }
  }

  func replicas(of experiment: String) async throws -> [Replica] {
    try await read {
      try Replica.fetchAll(
        $0, sql: "SELECT * FROM replica WHERE experiment = ? ORDER BY restart, rank", arguments: [experiment])
    }
  }

  func searchLog(of experiment: String) async throws -> [SearchRecord] {
    try await read {
      try SearchRecord.fetchAll(
        $0, sql: "SELECT * FROM search WHERE experiment = ? ORDER BY number", arguments: [experiment])
    }
  }
}

extension Database {
  func experiment(_ id: String) throws -> Experiment {
    let found = try Experiment.fetchOne(self, sql: "SELECT * FROM experiment WHERE id = ?", arguments: [id])
    guard let found else {
      throw ControlError(
        .notFound, subject: id, "there is no experiment \(id); cairn experiment ls shows those there are")
    }
    return found
  }
}
