import FoundationEssentials
import GRDB
import Linux
import Logging
import ModelRepository
import Records

// From an event in the repository's records to a request at the receiver. Each step is in the records before the next one
// begins, so a daemon that ends in between goes on where it was; a receiver may see a delivery twice, with one identifier.
extension WebhookService {
  /// Tries of one delivery: at once, then after 1 s, 4 s, 16 s, 64 s, 4 min, 17 min and 30 min.
  static let mostTries = 8
  /// Deliveries under way at a time, and the most that a webhook may be owed: a receiver that is away for a week must not
  /// fill the disk.
  private static let atOnce = 8
  private static let mostOwed = 10_000

  /// Delivers until it is cancelled.
  public func run() async throws {
    try await withThrowingDiscardingTaskGroup { group in
      group.addTask { [self] in
        for await _ in models.eventSignal { await persisting("read events for webhooks") { try await takeEvents() } }
      }
      group.addTask { [self] in
        var alarm: Task<Void, Never>?
        defer { alarm?.cancel() }
        for await _ in wakeSignal {
          await persisting("deliver to webhooks") { try await deliverWhatIsDue() }
          alarm?.cancel()
          alarm = Task { [self] in
            await persisting("find the next delivery to a webhook") { try await sleepUntilDue() }
            if !Task.isCancelled { wake.yield() }
          }
        }
      }
    }
    try Task.checkCancellation()
  }

  /// Tries until it is done, or cancelled: a disk that is full for a while must not end the daemon.
  private func persisting(_ what: String, _ body: () async throws -> Void) async {
    while !Task.isCancelled {
      do {
        return try await body()
      } catch {
        if Task.isCancelled { return }
        logger.error("can't \(what); trying again in 10 s: \(error)")
        try? await Task.sleep(for: .seconds(10))
      }
    }
  }

  // MARK: Events

  /// Turns new events into deliveries, in one transaction with how far they were read.
  private func takeEvents() async throws {
    while true {
      let last = try await file.pool.read { try Int64.fetchOne($0, sql: "SELECT sequence FROM eventsRead") ?? 0 }
      let events = try await models.events(after: last)
      guard let newest = events.last else { break }
      let dropped = try await file.pool.write { database in
        let dropped = try events.reduce(0) { try $0 + Self.owe($1, database) }
        try database.execute(sql: "UPDATE eventsRead SET sequence = ?", arguments: [newest.sequence])
        return dropped
      }
      if dropped > 0 {
        logger.warning(
          "deliveries were dropped for webhooks that are owed too many",
          metadata: ["deliveries": "\(dropped)", "most": "\(Self.mostOwed)"])
      }
      try await models.forgetEvents(upTo: newest.sequence)
    }
    wake.yield()
  }

  /// - Returns: how many webhooks are not told, because they are owed too much already.
  private static func owe(_ event: ModelEvent, _ database: Database) throws -> Int {
    guard let kind = try? WebhookEvent(entity: event.entity.rawValue, action: event.action.rawValue) else { return 0 }
    var dropped = 0
    let webhooks = try String.fetchAll(
      database,
      // Not those that were made when it had happened.
      sql: """
        SELECT id FROM webhook WHERE project = ? AND status = 'ACTIVE' AND instr(events, ?) > 0 AND createdAt <= ?
        """, arguments: [event.project, " \(kind.name) ", event.time])
    for webhook in webhooks {
      let owed =
        try Int.fetchOne(
          database, sql: "SELECT count(*) FROM delivery WHERE webhook = ?", arguments: [webhook]) ?? 0
      guard owed < mostOwed else {
        dropped += 1
        continue
      }
      try database.execute(
        sql: "INSERT INTO delivery (id, webhook, payload, tries, nextTry) VALUES (?, ?, ?, 0, ?)",
        arguments: [
          UUID().uuidString.lowercased(), webhook, payload(kind, time: event.time, data: event.data), event.time,
        ])
    }
    return dropped
  }

  /// - Parameters:
  ///   - time: milliseconds since 1970.
  ///   - data: a JSON object.
  static func payload(_ event: WebhookEvent, time: Int64, data: String) -> String {
    let date = Date(timeIntervalSince1970: Double(time) / 1000)
    // As Python writes it.
    let text = date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)).replacing("Z", with: "+00:00")
    return #"{"entity":"\#(event.entity.rawValue)","action":"\#(event.action.rawValue)","timestamp":"\#(text)","#
      + #""data":\#(data)}"#
  }

  // MARK: Deliveries

  private struct Delivery: Sendable {
    var id: String
    var payload: String
    var tries: Int
    var webhook: Webhook
  }

  /// One of each webhook at a time, so that a receiver that is slow or away holds up nobody but itself.
  private func deliverWhatIsDue() async throws {
    while true {
      let due = try await file.pool.read { database in
        try Row.fetchAll(
          database,
          sql: """
            SELECT delivery.id AS delivery, delivery.payload, delivery.tries, webhook.*, min(delivery.sequence)
            FROM delivery JOIN webhook ON webhook.id = delivery.webhook
            WHERE nextTry <= ? GROUP BY delivery.webhook ORDER BY delivery.sequence LIMIT ?
            """, arguments: [nanosecondsNow() / 1_000_000, Self.atOnce]
        ).map { Delivery(id: $0["delivery"], payload: $0["payload"], tries: $0["tries"], webhook: Webhook(row: $0)) }
      }
      if due.isEmpty { return }
      try await withThrowingDiscardingTaskGroup { group in
        for delivery in due { group.addTask { try await self.deliver(delivery) } }
      }
    }
  }

  private func deliver(_ delivery: Delivery) async throws {
    let webhook = delivery.webhook
    let result: WebhookResult
    if webhook.status == .active {
      result = await sender.send(delivery.payload, id: delivery.id, to: webhook)
      try Task.checkCancellation()
    } else {
      result = WebhookResult(status: 410, body: "", error: "the webhook was disabled meanwhile")
    }
    let tries = delivery.tries + 1
    if result.succeeded || !result.isWorthAnotherTry || tries >= Self.mostTries {
      if !result.succeeded {
        logger.warning(
          "a webhook's delivery was given up",
          metadata: [
            "webhook": "\(webhook.name)", "project": "\(webhook.project)", "tries": "\(tries)",
            "status": "\(result.status.map(String.init) ?? "none")", "error": "\(result.error ?? "")",
          ])
      }
      try await file.pool.write {
        try $0.execute(sql: "DELETE FROM delivery WHERE id = ?", arguments: [delivery.id])
      }
      return
    }
    // A little sooner or later each, so that many do not come back at once.
    let seconds = min(1 << (2 * (tries - 1)), 1800)
    let next = nanosecondsNow() / 1_000_000 + Int64(Double(seconds) * 1000 * Double.random(in: 0.8...1.2))
    try await file.pool.write {
      try $0.execute(
        sql: "UPDATE delivery SET tries = ?, nextTry = ? WHERE id = ?", arguments: [tries, next, delivery.id])
    }
  }

  private func sleepUntilDue() async throws {
    let next = try await file.pool.read { try Int64.fetchOne($0, sql: "SELECT min(nextTry) FROM delivery") }
    let pause = next.map { max(0, $0 - nanosecondsNow() / 1_000_000) } ?? 3_600_000
    try await Task.sleep(for: .milliseconds(min(pause, 3_600_000)))
  }
}
