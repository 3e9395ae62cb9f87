import FoundationEssentials
import GRDB
import Secrets
import Testing

@testable import Webhooks

struct WebhookSecretTests {
  @Test func `secrets that were kept in clear are encrypted, and nothing of them stays in the file`() throws {
    let directory = "/tmp/cairn-webhooks.\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let box = SecretBox(keyPath: directory + "/key")
    let path = directory + "/webhooks.db"
    let secret = "in clear until now \(UUID().uuidString)"
    do {
      let queue = try DatabaseQueue(path: path)
      try WebhookMigrations.all(box).migrate(queue, upTo: "1")
      try queue.write { database in
        for (id, value) in [("a", secret), ("b", nil)] {
          try database.execute(
            sql: """
              INSERT INTO webhook (id, project, name, url, events, secret, status, createdAt, updatedAt)
              VALUES (?, 'p', 'n', 'https://example.com', ' ', ?, 'ACTIVE', 1, 1)
              """, arguments: [id, value])
        }
      }
      try queue.close()
    }
    #expect(try #require(FileManager.default.contents(atPath: path)).contains(secret))

    let queue = try DatabaseQueue(path: path)
    try WebhookMigrations.all(box).migrate(queue)
    let sealed = try queue.read { try Data?.fetchAll($0, sql: "SELECT sealedSecret FROM webhook ORDER BY id") }
    #expect(sealed.count == 2 && sealed[1] == nil)
    #expect(try box.open(webhookSecret: try #require(sealed[0]), of: "a") == secret)
    #expect(throws: SecretError.self) { try box.open(webhookSecret: try #require(sealed[0]), of: "b") }
    try queue.close()
    #expect(try !#require(FileManager.default.contents(atPath: path)).contains(secret))
  }
}

extension Data {
  fileprivate func contains(_ text: String) -> Bool { firstRange(of: Data(text.utf8)) != nil }
}
