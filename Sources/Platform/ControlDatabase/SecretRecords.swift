import FoundationEssentials
import GRDB
import Linux

/// A secret, without its value.
public struct Secret: Hashable, Codable, Sendable {
  public let name: String
  /// Whose jobs may have it; nil: all may.
  public let project: String?
  /// Nanoseconds since 1970, as are all times here.
  public let createdAt: Int64
  public let updatedAt: Int64

  fileprivate init(_ row: Row) {
    name = row["name"]
    let project: String = row["project"]
    self.project = project.isEmpty ? nil : project
    createdAt = row["createdAt"]
    updatedAt = row["updatedAt"]
  }
}

extension ControlDatabase {
  /// Keeps an encrypted value, in the place of an earlier one.
  /// - Throws: ``ControlError`` `invalid` for a bad name.
  public func setSecret(_ name: String, project: String?, sealed: [UInt8]) async throws -> Secret {
    guard Names.isValid(name) else {
      throw ControlError(
        .invalid, subject: name,
        "\"\(name)\" can't be a secret's name: use up to 64 letters, digits, dots, dashes and underscores,"
          + " beginning with a letter or digit")
    }
    if let project { try Self.validate(project: project) }
    return try await write { database in
      let now = nanosecondsNow()
      let isThere = try database.secret(name, project: project) != nil
      try database.retireSecret(name, project: project, at: now)
      try database.execute(
        sql: """
          INSERT INTO secret (name, project, sealed, createdAt, updatedAt) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET sealed = excluded.sealed, updatedAt = excluded.updatedAt
          """, arguments: [name, project ?? "", Data(sealed), now, now])
      try database.append(
        event: .secret, subject: name, from: isThere ? "present" : nil, to: "present",
        reason: isThere ? "changed" : "created", detail: project.map { "project \($0)" })
      guard let secret = try database.secret(name, project: project) else {
        throw ControlError(.notFound, subject: name, "secret \(name) was kept and is gone")
      }
      return secret
    }
  }

  /// By name.
  /// - Parameter project: its own, and those of all; nil: every secret.
  public func secrets(project: String?) async throws -> [Secret] {
    try await read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT * FROM secret WHERE :project IS NULL OR project IN (:project, '') ORDER BY name, project
          """, arguments: ["project": project]
      ).map { Secret($0) }
    }
  }

  /// The secret that jobs of a project get under a name, and its encrypted value; nil: there is none.
  public func sealedSecret(_ name: String, for project: String) async throws -> (Secret, sealed: [UInt8])? {
    try await read { database in
      try Row.fetchOne(
        database,
        sql: "SELECT * FROM secret WHERE name = ? AND project IN (?, '') ORDER BY project DESC LIMIT 1",
        arguments: [name, project]
      ).map { row in
        let sealed: Data = row["sealed"]
        return (Secret(row), Array(sealed))
      }
    }
  }

  /// The encrypted values that a job of a project may have been given under a name since `time`, each with the project
  /// that it was of: those of now, and those that were replaced or removed since.
  public func sealedSecrets(
    _ name: String, for project: String, since time: Int64
  ) async throws -> [(project: String?, sealed: [UInt8])] {
    try await read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT project, sealed FROM secret WHERE name = :name AND project IN (:project, '')
          UNION ALL
          SELECT project, sealed FROM retiredSecret
          WHERE name = :name AND project IN (:project, '') AND retiredAt >= :time
          """, arguments: ["name": name, "project": project, "time": time]
      ).map { row in
        let (project, sealed): (String, Data) = (row["project"], row["sealed"])
        return (project.isEmpty ? nil : project, Array(sealed))
      }
    }
  }

  /// Forgets the values of secrets that were replaced or removed before the oldest job was submitted that may still write
  /// one: of those that have not ended, and those with these identifiers.
  /// - Parameter time: what was replaced or removed since then is kept, too.
  public func forgetRetiredSecrets(except jobs: Set<String>, since time: Int64? = nil) async throws {
    try await write { database in
      guard try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM retiredSecret)") ?? false else { return }
      try database.execute(
        sql: """
          DELETE FROM retiredSecret WHERE retiredAt < min(?, coalesce(
            (SELECT min(createdAt) FROM job WHERE request ->> '$.secrets' IS NOT NULL
              AND (endedAt IS NULL OR id IN (SELECT value FROM json_each(?)))),
            9223372036854775807))
          """, arguments: [time ?? .max, try jsonColumn(jobs.sorted())])
    }
  }

  /// - Throws: ``ControlError`` `notFound`
  public func removeSecret(_ name: String, project: String?) async throws {
    try await write { database in
      try database.retireSecret(name, project: project, at: nanosecondsNow())
      try database.execute(
        sql: "DELETE FROM secret WHERE name = ? AND project = ?", arguments: [name, project ?? ""])
      guard database.changesCount == 1 else {
        throw ControlError(
          .notFound, subject: name,
          "there is no secret \(name)\(project.map { " of project \($0)" } ?? ""); cairn secret ls shows those there are"
        )
      }
      try database.append(
        event: .secret, subject: name, from: "present", to: nil, reason: "removed",
        detail: project.map { "project \($0)" })
    }
  }
}

extension Database {
  /// Keeps the value of a secret that is about to be replaced or removed: jobs that have it may still write it.
  fileprivate func retireSecret(_ name: String, project: String?, at time: Int64) throws {
    try execute(
      sql: """
        INSERT INTO retiredSecret (name, project, sealed, retiredAt)
        SELECT name, project, sealed, ? FROM secret WHERE name = ? AND project = ?
        """, arguments: [time, name, project ?? ""])
  }

  fileprivate func secret(_ name: String, project: String?) throws -> Secret? {
    try Row.fetchOne(
      self, sql: "SELECT * FROM secret WHERE name = ? AND project = ?", arguments: [name, project ?? ""]
    ).map { Secret($0) }
  }
}
