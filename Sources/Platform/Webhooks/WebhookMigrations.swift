import GRDB

/// The form of the webhooks' records, step by step. A step that was released is never changed.
enum WebhookMigrations {
  static var all: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { database in
      try database.execute(
        sql: """
          CREATE TABLE webhook (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            project TEXT NOT NULL,
            name TEXT NOT NULL,
            description TEXT,
            url TEXT NOT NULL,
            -- Names such as model_version.created, with a space before and after each.
            events TEXT NOT NULL,
            secret TEXT,
            status TEXT NOT NULL,
            createdAt INTEGER NOT NULL,
            updatedAt INTEGER NOT NULL
          ) STRICT;
          CREATE INDEX webhookProject ON webhook (project, sequence);

          -- What is still to be sent. Removed when it has arrived, or when it is given up.
          CREATE TABLE delivery (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            webhook TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
            payload TEXT NOT NULL,
            tries INTEGER NOT NULL,
            nextTry INTEGER NOT NULL
          ) STRICT;
          CREATE INDEX deliveryTime ON delivery (nextTry);
          CREATE INDEX deliveryWebhook ON delivery (webhook, sequence);

          -- How far the events of the model repository were read.
          CREATE TABLE eventsRead (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            sequence INTEGER NOT NULL
          ) STRICT;
          INSERT INTO eventsRead VALUES (1, 0);
          """)
    }
    return migrator
  }
}
