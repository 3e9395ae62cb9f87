import GRDB
import Linux

extension Event: FetchableRecord {}

extension ControlDatabase {
  /// The first `limit` events after the one with number `sequence`.
  /// - Parameter subject: only those about this job or project.
  public func events(after sequence: Int64, subject: String? = nil, limit: Int = 500) async throws -> [Event] {
    try await read { database in
      try Event.fetchAll(
        database,
        sql: """
          SELECT * FROM event WHERE sequence > :after AND (:subject IS NULL OR subject = :subject)
          ORDER BY sequence LIMIT :limit
          """, arguments: ["after": sequence, "subject": subject, "limit": limit])
    }
  }
}

extension Database {
  /// Appends an event. The transaction that it is part of has made what it tells.
  func append(
    event kind: Event.Kind, subject: String, from: String?, to: String?, reason: String, detail: String? = nil
  ) throws {
    try execute(
      sql: """
        INSERT INTO event (time, kind, subject, "from", "to", reason, detail) VALUES (?, ?, ?, ?, ?, ?, ?)
        """, arguments: [nanosecondsNow(), kind.rawValue, subject, from, to, reason, detail])
  }
}
