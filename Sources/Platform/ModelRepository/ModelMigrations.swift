import GRDB

/// The form of the model repository's records, step by step. A step that was released is never changed.
enum ModelMigrations {
  static var all: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { database in
      try database.execute(sql: models)
      try database.execute(sql: versions)
    }
    return migrator
  }

  private static let models = """
    CREATE TABLE model (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      project TEXT NOT NULL,
      name TEXT NOT NULL,
      directory TEXT NOT NULL UNIQUE,
      description TEXT,
      user TEXT,
      createdAt INTEGER NOT NULL,
      updatedAt INTEGER NOT NULL,
      -- The number of the last version that was made; versions that are removed leave theirs unused. A model that takes a
      -- removed one's directory begins above the trees that are still to go.
      lastVersion INTEGER NOT NULL,
      UNIQUE (project, name)
    ) STRICT;

    CREATE TABLE modelTag (
      model INTEGER NOT NULL REFERENCES model (id) ON DELETE CASCADE,
      key TEXT NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (model, key)
    ) STRICT, WITHOUT ROWID;

    -- Trees of versions that were removed from the records; each goes from here when it is gone.
    CREATE TABLE modelRemoval (
      path TEXT PRIMARY KEY NOT NULL,
      directory TEXT NOT NULL,
      number INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Appended to in the transaction that makes what it tells of, and removed by whoever has passed it on.
    CREATE TABLE modelEvent (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      time INTEGER NOT NULL,
      project TEXT NOT NULL,
      entity TEXT NOT NULL,
      action TEXT NOT NULL,
      data TEXT NOT NULL
    ) STRICT;
    """

  private static let versions = """
    CREATE TABLE modelVersion (
      model INTEGER NOT NULL REFERENCES model (id) ON DELETE CASCADE,
      number INTEGER NOT NULL,
      stage TEXT NOT NULL,
      status TEXT NOT NULL,
      statusMessage TEXT,
      description TEXT,
      source TEXT NOT NULL,
      -- What the files are made from while it is pending.
      origin TEXT NOT NULL,
      path TEXT,
      runID TEXT,
      runLink TEXT,
      modelID TEXT,
      user TEXT,
      createdAt INTEGER NOT NULL,
      updatedAt INTEGER NOT NULL,
      digest TEXT,
      bytes INTEGER,
      files INTEGER,
      content TEXT,
      lineage TEXT NOT NULL,
      PRIMARY KEY (model, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX modelVersionPending ON modelVersion (status) WHERE status = 'PENDING_REGISTRATION';
    CREATE UNIQUE INDEX modelVersionPath ON modelVersion (path) WHERE path IS NOT NULL;
    CREATE INDEX modelVersionRun ON modelVersion (runID) WHERE runID IS NOT NULL;

    CREATE TABLE modelVersionTag (
      model INTEGER NOT NULL,
      number INTEGER NOT NULL,
      key TEXT NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (model, number, key),
      FOREIGN KEY (model, number) REFERENCES modelVersion (model, number) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE modelAlias (
      model INTEGER NOT NULL,
      alias TEXT NOT NULL,
      number INTEGER NOT NULL,
      PRIMARY KEY (model, alias),
      FOREIGN KEY (model, number) REFERENCES modelVersion (model, number) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX modelAliasVersion ON modelAlias (model, number);

    -- Apart from the versions, which are read far more often than the names of their files.
    CREATE TABLE modelVersionFiles (
      model INTEGER NOT NULL,
      number INTEGER NOT NULL,
      list TEXT NOT NULL,
      PRIMARY KEY (model, number),
      FOREIGN KEY (model, number) REFERENCES modelVersion (model, number) ON DELETE CASCADE
    ) STRICT;

    -- Without ON DELETE: a version in use can't be removed.
    CREATE TABLE modelUse (
      model INTEGER NOT NULL,
      number INTEGER NOT NULL,
      kind TEXT NOT NULL,
      holder TEXT NOT NULL,
      since INTEGER NOT NULL,
      PRIMARY KEY (model, number, kind, holder),
      FOREIGN KEY (model, number) REFERENCES modelVersion (model, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX modelUseHolder ON modelUse (kind, holder);
    """
}
