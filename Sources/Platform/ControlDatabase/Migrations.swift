import GRDB

/// The form of the database, step by step. A step that was released is never changed.
enum Migrations {
  static var all: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { database in
      try database.execute(
        sql: """
          CREATE TABLE project (
            name TEXT PRIMARY KEY NOT NULL,
            createdAt INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;

          CREATE TABLE job (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            project TEXT NOT NULL REFERENCES project (name),
            request TEXT NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            detail TEXT,
            attempt INTEGER NOT NULL,
            exitCode INTEGER,
            createdAt INTEGER NOT NULL,
            startedAt INTEGER,
            endedAt INTEGER,
            graceSeconds INTEGER NOT NULL,
            artifactsSealed INTEGER NOT NULL
          ) STRICT;
          CREATE INDEX jobState ON job (state);
          CREATE INDEX jobName ON job (name);
          CREATE INDEX jobProject ON job (project, sequence);

          CREATE TABLE attempt (
            job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            container TEXT NOT NULL UNIQUE,
            bootID TEXT NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            exitCode INTEGER,
            gpus TEXT NOT NULL,
            imageDigest TEXT,
            createdAt INTEGER NOT NULL,
            startedAt INTEGER,
            endedAt INTEGER,
            PRIMARY KEY (job, number)
          ) STRICT, WITHOUT ROWID;

          CREATE TABLE gpuLease (
            gpu TEXT PRIMARY KEY NOT NULL,
            job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
            since INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;

          -- Outlives what it tells of.
          CREATE TABLE event (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            time INTEGER NOT NULL,
            kind TEXT NOT NULL,
            subject TEXT NOT NULL,
            "from" TEXT,
            "to" TEXT,
            reason TEXT NOT NULL,
            detail TEXT
          ) STRICT;
          CREATE INDEX eventSubject ON event (subject, sequence);
          """)
    }
    migrator.registerMigration("2") { database in
      try database.execute(
        sql: """
          CREATE TABLE token (
            id TEXT PRIMARY KEY NOT NULL,
            digest BLOB NOT NULL UNIQUE,
            name TEXT,
            project TEXT,
            job TEXT REFERENCES job (id) ON DELETE CASCADE,
            attempt INTEGER,
            createdAt INTEGER NOT NULL,
            expiresAt INTEGER
          ) STRICT;
          CREATE INDEX tokenJob ON token (job) WHERE job IS NOT NULL;
          """)
    }
    migrator.registerMigration("3") { database in
      try database.execute(
        sql: """
          -- A row for each shard; a GPU or a MIG instance that is leased whole has one shard.
          CREATE TABLE lease (
            gpu TEXT NOT NULL,
            shard INTEGER NOT NULL,
            shards INTEGER NOT NULL,
            job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
            since INTEGER NOT NULL,
            PRIMARY KEY (gpu, shard)
          ) STRICT, WITHOUT ROWID;
          INSERT INTO lease SELECT gpu, 0, 1, job, since FROM gpuLease;
          DROP TABLE gpuLease;
          ALTER TABLE lease RENAME TO gpuLease;

          -- Decayed as of time.
          CREATE TABLE projectUsage (
            project TEXT PRIMARY KEY NOT NULL REFERENCES project (name) ON DELETE CASCADE,
            gpuSeconds REAL NOT NULL,
            cpuSeconds REAL NOT NULL,
            time INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;

          CREATE TABLE projectQuota (
            project TEXT PRIMARY KEY NOT NULL REFERENCES project (name) ON DELETE CASCADE,
            gpus INTEGER,
            running INTEGER,
            queued INTEGER
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("4") { database in
      try database.execute(
        sql: """
          ALTER TABLE job ADD COLUMN notBefore INTEGER;
          ALTER TABLE job ADD COLUMN pinnedImage TEXT;
          ALTER TABLE attempt ADD COLUMN process TEXT;
          ALTER TABLE attempt ADD COLUMN ports TEXT;

          CREATE TABLE secret (
            name TEXT NOT NULL,
            -- Empty: of all projects.
            project TEXT NOT NULL,
            -- Encrypted; the key is elsewhere.
            sealed BLOB NOT NULL,
            createdAt INTEGER NOT NULL,
            updatedAt INTEGER NOT NULL,
            PRIMARY KEY (name, project)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("6") { database in
      try database.execute(
        sql: """
          CREATE TABLE notebook (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL UNIQUE,
            project TEXT NOT NULL REFERENCES project (name),
            request TEXT NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            detail TEXT,
            job TEXT,
            snapshots INTEGER NOT NULL,
            source TEXT,
            createdAt INTEGER NOT NULL,
            startedAt INTEGER,
            stoppedAt INTEGER
          ) STRICT, WITHOUT ROWID;

          CREATE TABLE notebookSnapshot (
            notebook TEXT NOT NULL REFERENCES notebook (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            createdAt INTEGER NOT NULL,
            PRIMARY KEY (notebook, number)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("7") { database in
      try database.execute(
        sql: """
          CREATE TABLE claim (
            id TEXT PRIMARY KEY NOT NULL,
            gpus INTEGER NOT NULL,
            milliCPUs INTEGER NOT NULL,
            memoryBytes INTEGER NOT NULL,
            -- JSON of the GPUs' UUIDs; NULL: it waits.
            devices TEXT,
            createdAt INTEGER NOT NULL,
            heldAt INTEGER
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("8") { database in
      try database.execute(
        sql: """
          -- Values that secrets had, until no log shows them any more that is not compressed.
          CREATE TABLE retiredSecret (
            name TEXT NOT NULL,
            project TEXT NOT NULL,
            sealed BLOB NOT NULL,
            retiredAt INTEGER NOT NULL
          ) STRICT;

          -- Workspaces' snapshots that nothing here has any more; their volumes are to be removed.
          CREATE TABLE retiredSnapshot (volume INTEGER PRIMARY KEY NOT NULL) STRICT;
          CREATE INDEX jobSnapshot ON job (request ->> '$.workspaceSnapshot');
          """)
    }
    return migrator
  }
}
