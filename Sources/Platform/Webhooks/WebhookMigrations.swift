import FoundationEssentials
import GRDB
import Secrets

/// The form of the webhooks' records, step by step. A step that was released is never changed.
enum WebhookMigrations {
  static func all(_ box: SecretBox) -> DatabaseMigrator {
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
    migrator.registerMigration("2") { database in
      // What was there in clear is written over, not only forgotten.
      try database.execute(
        sql: """
          PRAGMA secure_delete = ON;
          ALTER TABLE webhook ADD COLUMN sealedSecret BLOB;
          """)
      let secrets = try Row.fetchAll(database, sql: "SELECT id, secret FROM webhook WHERE secret IS NOT NULL")
      for row in secrets {
        let id: String = row["id"]
        try database.execute(
          sql: "UPDATE webhook SET sealedSecret = ?, secret = NULL WHERE id = ?",
          arguments: [try box.seal(webhookSecret: row["secret"], of: id), id])
      }
      try database.execute(sql: "ALTER TABLE webhook DROP COLUMN secret")
    }
    return migrator
  }
}

extension SecretBox {
  func seal(webhookSecret secret: String, of id: String) throws -> Data {
    Data(try seal(Array(secret.utf8), name: "webhook\0" + id))
  }

  func open(webhookSecret sealed: Data, of id: String) throws -> String {
    String(decoding: try open(Array(sealed), name: "webhook\0" + id), as: UTF8.self)
  }
}
