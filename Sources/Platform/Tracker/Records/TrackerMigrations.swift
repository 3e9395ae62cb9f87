import GRDB

/// The form of the tracker's records, step by step. A step that was released is never changed.
enum TrackerMigrations {
  static var all: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { database in
      try database.execute(sql: experiments)
      try database.execute(sql: runs)
      try database.execute(sql: inputs)
      try database.execute(sql: models)
      try database.execute(sql: metrics)
    }
    return migrator
  }

  private static let experiments = """
    CREATE TABLE tenant (
      project TEXT PRIMARY KEY NOT NULL,
      nextExperiment INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE experiment (
      id INTEGER PRIMARY KEY,
      project TEXT NOT NULL,
      number INTEGER NOT NULL,
      name TEXT NOT NULL,
      location TEXT,
      stage INTEGER NOT NULL,
      createdAt INTEGER NOT NULL,
      updatedAt INTEGER NOT NULL,
      UNIQUE (project, number),
      UNIQUE (project, name)
    ) STRICT;

    CREATE TABLE experimentTag (
      experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
      key TEXT NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (experiment, key)
    ) STRICT, WITHOUT ROWID;
    """

  /// Names of metrics, parameters and tags are numbers, given once: a thousand runs have the same few hundred.
  private static let runs = """
    CREATE TABLE key (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE
    ) STRICT;

    CREATE TABLE run (
      id INTEGER PRIMARY KEY,
      identifier TEXT NOT NULL UNIQUE,
      experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
      name TEXT NOT NULL,
      user TEXT NOT NULL,
      status INTEGER NOT NULL,
      stage INTEGER NOT NULL,
      startTime INTEGER NOT NULL,
      endTime INTEGER,
      job TEXT,
      attempt INTEGER
    ) STRICT;
    CREATE INDEX runOrder ON run (experiment, stage, startTime DESC, identifier);
    CREATE INDEX runJob ON run (job) WHERE job IS NOT NULL;

    CREATE TABLE parameter (
      run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
      key INTEGER NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (run, key)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE tag (
      run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
      key INTEGER NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (run, key)
    ) STRICT, WITHOUT ROWID;
    """

  private static let inputs = """
    CREATE TABLE dataset (
      id INTEGER PRIMARY KEY,
      experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
      name TEXT NOT NULL,
      digest TEXT NOT NULL,
      sourceType TEXT NOT NULL,
      source TEXT NOT NULL,
      schema TEXT NOT NULL,
      profile TEXT NOT NULL,
      UNIQUE (experiment, name, digest)
    ) STRICT;

    CREATE TABLE input (
      run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
      dataset INTEGER NOT NULL REFERENCES dataset (id) ON DELETE CASCADE,
      PRIMARY KEY (run, dataset)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX inputDataset ON input (dataset);

    CREATE TABLE inputTag (
      run INTEGER NOT NULL,
      dataset INTEGER NOT NULL,
      key TEXT NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (run, dataset, key),
      FOREIGN KEY (run, dataset) REFERENCES input (run, dataset) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    """

  private static let models = """
    CREATE TABLE loggedModel (
      id INTEGER PRIMARY KEY,
      identifier TEXT NOT NULL UNIQUE,
      experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
      name TEXT NOT NULL,
      type TEXT NOT NULL,
      sourceRun TEXT NOT NULL,
      status INTEGER NOT NULL,
      stage INTEGER NOT NULL,
      createdAt INTEGER NOT NULL,
      updatedAt INTEGER NOT NULL,
      job TEXT
    ) STRICT;
    CREATE INDEX loggedModelOrder ON loggedModel (experiment, createdAt DESC);

    CREATE TABLE loggedModelParameter (
      model INTEGER NOT NULL REFERENCES loggedModel (id) ON DELETE CASCADE,
      key TEXT NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (model, key)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE loggedModelTag (
      model INTEGER NOT NULL REFERENCES loggedModel (id) ON DELETE CASCADE,
      key TEXT NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (model, key)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE loggedModelMetric (
      model INTEGER NOT NULL REFERENCES loggedModel (id) ON DELETE CASCADE,
      key TEXT NOT NULL,
      run TEXT NOT NULL,
      datasetName TEXT NOT NULL,
      datasetDigest TEXT NOT NULL,
      step INTEGER NOT NULL,
      time INTEGER NOT NULL,
      -- NULL: NaN, which SQLite has no other form for.
      value REAL,
      PRIMARY KEY (model, key, step, time, run, datasetName, datasetDigest)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE modelLink (
      run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
      isOutput INTEGER NOT NULL,
      model TEXT NOT NULL,
      step INTEGER NOT NULL,
      PRIMARY KEY (run, isOutput, model)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX modelLinkModel ON modelLink (model);
    """

  private static let metrics = """
    CREATE TABLE latest (
      run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
      key INTEGER NOT NULL,
      step INTEGER NOT NULL,
      time INTEGER NOT NULL,
      -- NULL: NaN, which SQLite has no other form for.
      value REAL,
      PRIMARY KEY (run, key)
    ) STRICT, WITHOUT ROWID;

    -- What was logged and is in no segment yet, a row for each request. See MetricTail.
    CREATE TABLE tail (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      points BLOB NOT NULL
    ) STRICT;

    -- See MetricSegment for `points`, MetricSummary for `summary`: that stands first, for SQLite reads a row only as
    -- far as it is asked for.
    CREATE TABLE segment (
      run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
      key INTEGER NOT NULL,
      number INTEGER NOT NULL,
      count INTEGER NOT NULL,
      firstStep INTEGER NOT NULL,
      lastStep INTEGER NOT NULL,
      -- The last row of the tail of which there are points in it.
      throughSequence INTEGER NOT NULL,
      summary BLOB NOT NULL,
      points BLOB NOT NULL,
      PRIMARY KEY (run, key, number)
    ) STRICT;
    -- Short series of a run, in the form of the tail.
    CREATE TABLE bundle (
      run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
      number INTEGER NOT NULL,
      count INTEGER NOT NULL,
      -- The last so many of the points are of series of which everything up to `throughSequence` is here.
      claimed INTEGER NOT NULL,
      throughSequence INTEGER NOT NULL,
      points BLOB NOT NULL,
      PRIMARY KEY (run, number)
    ) STRICT;
    CREATE INDEX bundleThrough ON bundle (throughSequence);
    CREATE INDEX segmentThrough ON segment (throughSequence);
    """
}
