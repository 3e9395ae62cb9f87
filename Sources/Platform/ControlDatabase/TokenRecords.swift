import FoundationEssentials
import GRDB
import Linux

/// A secret by which somebody may use the API over TCP. Of the secret itself only a digest is kept.
public struct Token: Hashable, Codable, Sendable, FetchableRecord {
  public let id: String
  /// What it is for, in its maker's words.
  public let name: String?
  /// The only project that it opens; nil: all of Cairn.
  public let project: String?
  /// The job whose own it is, and the attempt; it opens nothing any more when that has ended.
  public let job: String?
  public let attempt: Int?
  /// Nanoseconds since 1970, as are all times here.
  public let createdAt: Int64
  /// nil: it stays valid until it is revoked.
  public let expiresAt: Int64?
}

extension ControlDatabase {
  /// Keeps a token. One for a job takes the place of an earlier one for the same attempt.
  /// - Throws: ``ControlError`` `invalid` for a bad name of a project or a token.
  public func addToken(
    digest: [UInt8], name: String?, project: String?, job: String?, attempt: Int?, expiresAt: Int64?
  ) async throws -> Token {
    if let project { try Self.validate(project: project) }
    if let name, !(1...200).contains(name.utf8.count) {
      throw ControlError(.invalid, subject: "name", "a token's name has 1 to 200 bytes")
    }
    return try await write { database in
      let token = Token(
        id: Names.newIdentifier(), name: name, project: project, job: job, attempt: attempt,
        createdAt: nanosecondsNow(), expiresAt: expiresAt)
      if let job { try database.execute(sql: "DELETE FROM token WHERE job = ?", arguments: [job]) }
      try database.execute(
        sql: """
          INSERT INTO token (id, digest, name, project, job, attempt, createdAt, expiresAt)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          token.id, Data(digest), name, project, job, attempt, token.createdAt, expiresAt,
        ])
      try database.append(
        event: .token, subject: token.id, from: nil, to: "valid", reason: "created", detail: job.map { "job \($0)" })
      return token
    }
  }

  /// Those of people, the newest first: jobs' own come and go with them.
  public func tokens() async throws -> [Token] {
    try await read { database in
      try Token.fetchAll(database, sql: "SELECT * FROM token WHERE job IS NULL ORDER BY createdAt DESC, id")
    }
  }

  /// The token of this digest, if it is valid at a time, in nanoseconds since 1970.
  public func token(digest: [UInt8], at now: Int64) async throws -> Token? {
    try await read { database in
      try Token.fetchOne(
        database,
        sql: """
          SELECT token.* FROM token LEFT JOIN job ON job.id = token.job
          WHERE digest = :digest AND (expiresAt IS NULL OR expiresAt > :now)
            AND (token.job IS NULL
              OR (job.attempt = token.attempt AND job.state IN ('starting', 'running', 'stopping')))
          """, arguments: ["digest": Data(digest), "now": now])
    }
  }

  /// - Throws: ``ControlError`` `notFound`
  public func removeToken(_ id: String) async throws {
    try await write { database in
      try database.execute(sql: "DELETE FROM token WHERE id = ?", arguments: [id])
      guard database.changesCount == 1 else {
        throw ControlError(.notFound, subject: id, "there is no token \(id); cairn token ls shows those there are")
      }
      try database.append(event: .token, subject: id, from: "valid", to: nil, reason: "revoked")
    }
  }

  /// Removes the token of a job whose attempt has ended. It is of no use any more either way.
  public func removeTokens(ofJob job: String) async throws {
    try await write { try $0.execute(sql: "DELETE FROM token WHERE job = ?", arguments: [job]) }
  }
}
