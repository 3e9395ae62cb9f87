import FoundationEssentials
import GRDB
import Linux
public import Logging
public import ModelRepository
import Records
public import Secrets
import Tracker

/// Webhooks, and the deliveries that they are owed: `webhooks.db`.
///
/// An event that was recorded is delivered at least once, whatever becomes of the daemon, unless the receiver refuses it or
/// can't be reached for about an hour. Safe to use from any number of tasks.
public final class WebhookService: Sendable {
  let file: RecordFile
  let models: ModelRepository
  let sender: WebhookSender
  let logger: Logger
  let box: SecretBox
  let wake: AsyncStream<Void>.Continuation
  let wakeSignal: AsyncStream<Void>

  /// The most webhooks that a project may have: each is sent every event.
  static let mostWebhooks = 100

  /// - Parameters:
  ///   - directory: the control plane's.
  ///   - box: encrypts the webhooks' secrets.
  /// - Throws: `RecordFileError` where another process has it open, or a newer version of Cairn wrote it.
  public init(
    directory: String, models: ModelRepository, targets: WebhookTargets, box: SecretBox, logger: Logger
  ) throws {
    file = try RecordFile(path: directory + "/webhooks.db", migrator: WebhookMigrations.all(box))
    self.box = box
    self.models = models
    sender = WebhookSender(directory: directory, targets: targets, box: box)
    self.logger = logger
    (wakeSignal, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    // What an earlier daemon left.
    wake.yield()
  }

  // MARK: Requests

  /// - Throws: `TrackerError` for a bad name, address or event.
  public func create(_ request: WebhookRequest, in project: String) async throws -> Webhook {
    guard let name = request.name, let url = request.url, let events = request.events, !events.isEmpty else {
      throw TrackerError(.invalidParameterValue, "A webhook has a name, a URL and one event at least.")
    }
    try await check(request)
    let now = nanosecondsNow() / 1_000_000
    let id = UUID().uuidString.lowercased()
    let webhook = Webhook(
      id: id, project: project, name: name, description: request.description, url: url,
      events: events, status: request.status ?? .active, createdAt: now, updatedAt: now,
      secret: try request.secret.map { try box.seal(webhookSecret: $0, of: id) })
    try await file.pool.write { database in
      let count = try Int.fetchOne(
        database, sql: "SELECT count(*) FROM webhook WHERE project = ?", arguments: [project])
      guard count ?? 0 < Self.mostWebhooks else {
        throw TrackerError(
          .invalidParameterValue, "Project \(project) has \(Self.mostWebhooks) webhooks, which is the most; delete one."
        )
      }
      try database.execute(
        sql: """
          INSERT INTO webhook (id, project, name, description, url, events, sealedSecret, status, createdAt, updatedAt)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          webhook.id, project, name, webhook.description, url, Self.text(of: events), webhook.secret,
          webhook.status.rawValue, now, now,
        ])
    }
    return webhook
  }

  /// - Throws: `TrackerError`
  public func webhook(_ id: String, in project: String) async throws -> Webhook {
    try await file.pool.read { try Self.webhook(id, project, $0) }
  }

  /// A project's webhooks after the one with this number, the oldest first, and the number of the last where there are
  /// more.
  public func webhooks(
    in project: String, after sequence: Int64 = 0, limit: Int
  ) async throws -> (webhooks: [Webhook], next: Int64?) {
    try await file.pool.read { database in
      let rows = try Row.fetchAll(
        database, sql: "SELECT * FROM webhook WHERE project = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        arguments: [project, sequence, limit + 1])
      let page = rows.prefix(limit)
      return (page.map { Webhook(row: $0) }, rows.count > limit ? page.last.map { $0["sequence"] } : nil)
    }
  }

  /// - Throws: `TrackerError`
  public func update(_ id: String, _ request: WebhookRequest, in project: String) async throws -> Webhook {
    try await check(request)
    let sealed = try request.secret.map { try box.seal(webhookSecret: $0, of: id) }
    return try await file.pool.write { database in
      var webhook = try Self.webhook(id, project, database)
      if let name = request.name { webhook.name = name }
      if let description = request.description { webhook.description = description }
      if let url = request.url { webhook.url = url }
      if let events = request.events { webhook.events = events }
      if let sealed { webhook.secret = sealed }
      if let status = request.status { webhook.status = status }
      webhook.updatedAt = nanosecondsNow() / 1_000_000
      try database.execute(
        sql: """
          UPDATE webhook SET name = ?, description = ?, url = ?, events = ?, sealedSecret = ?, status = ?, updatedAt = ?
          WHERE id = ?
          """,
        arguments: [
          webhook.name, webhook.description, webhook.url, Self.text(of: webhook.events), webhook.secret,
          webhook.status.rawValue, webhook.updatedAt, id,
        ])
      return webhook
    }
  }

  /// Deletes a webhook, and what it was still owed.
  /// - Throws: `TrackerError`
  public func delete(_ id: String, in project: String) async throws {
    try await file.pool.write { database in
      _ = try Self.webhook(id, project, database)
      try database.execute(sql: "DELETE FROM webhook WHERE id = ?", arguments: [id])
    }
  }

  /// Sends an event that never happened, once, and tells what came of it.
  /// - Parameter event: nil: the first that the webhook is for.
  /// - Throws: `TrackerError`
  public func test(_ id: String, _ event: WebhookEvent?, in project: String) async throws -> WebhookResult {
    let webhook = try await webhook(id, in: project)
    guard let event = event ?? webhook.events.first else {
      throw TrackerError(.invalidParameterValue, "The webhook \(webhook.name) is for no events.")
    }
    let payload = Self.payload(event, time: nanosecondsNow() / 1_000_000, data: event.example)
    return await sender.send(payload, id: UUID().uuidString.lowercased(), to: webhook)
  }

  // MARK: Checks

  /// A name as MLflow has it; an address that can be sent to by now.
  private func check(_ request: WebhookRequest) async throws {
    if let name = request.name {
      let isGood =
        (1...63).contains(name.utf8.count) && Self.isAlphanumeric(name.utf8.first)
        && Self.isAlphanumeric(name.utf8.last)
        && name.utf8.allSatisfy { Self.isAlphanumeric($0) || "._-".utf8.contains($0) }
      guard isGood else {
        throw TrackerError(
          .invalidParameterValue,
          "Webhook name '\(name.prefix(80))' is invalid. It must start and end with a letter or digit, be less than 63 "
            + "characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).")
      }
    }
    if let events = request.events, events.isEmpty {
      throw TrackerError(.invalidParameterValue, "A webhook has one event at least.")
    }
    for (what, text, limit) in [("description", request.description, 5000), ("secret", request.secret, 1000)] {
      guard text?.utf8.count ?? 0 <= limit else {
        throw TrackerError(.invalidParameterValue, "A webhook's \(what) has \(limit) bytes at most.")
      }
    }
    if let url = request.url {
      let address = try WebhookAddress(url)
      let targets = sender.targets
      _ = try await offPool { try address.resolve(targets) }
    }
  }

  private static func isAlphanumeric(_ byte: UInt8?) -> Bool {
    guard let byte else { return false }
    return (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }

  private static func text(of events: [WebhookEvent]) -> String {
    " " + Set(events.map(\.name)).sorted().joined(separator: " ") + " "
  }

  static func webhook(_ id: String, _ project: String, _ database: Database) throws -> Webhook {
    let row = try Row.fetchOne(
      database, sql: "SELECT * FROM webhook WHERE id = ? AND project = ?", arguments: [id, project])
    guard let row else { throw TrackerError(.resourceDoesNotExist, "Webhook with ID \(id) not found.") }
    return Webhook(row: row)
  }
}

extension Webhook {
  init(row: Row) {
    let events: String = row["events"]
    self.init(
      id: row["id"], project: row["project"], name: row["name"], description: row["description"], url: row["url"],
      events: events.split(separator: " ").compactMap { WebhookEvent(name: String($0)) },
      status: Status(rawValue: row["status"]) ?? .disabled, createdAt: row["createdAt"], updatedAt: row["updatedAt"],
      secret: row["sealedSecret"])
  }
}
