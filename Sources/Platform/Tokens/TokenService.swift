import Chunks
import ControlDatabase
import Linux
import Synchronization

/// Makes tokens and tells whose they are. Safe to use from any number of tasks.
public final class TokenService: Sendable {
  private struct Known {
    var token: Token?
    /// The database's, when it was looked up.
    var revision: Int
  }

  /// A token that is asked for again and again, as each request of a training job does, is looked up once.
  private static let mostKnown = 1000
  /// What a token begins with, by which people and scanners for secrets know one.
  private static let prefix = "cairn_"

  private let database: ControlDatabase
  /// Nanoseconds since 1970.
  private let now: @Sendable () -> Int64
  private let known = Mutex<[[UInt8]: Known]>([:])

  public convenience init(database: ControlDatabase) { self.init(database: database, now: nanosecondsNow) }

  init(database: ControlDatabase, now: @escaping @Sendable () -> Int64) {
    self.database = database
    self.now = now
  }

  /// Makes a token for a person or a program of theirs.
  /// - Parameters:
  ///   - project: the only one that it opens; nil: all of Cairn.
  ///   - seconds: how long it is valid; nil: until it is revoked.
  /// - Returns: the secret, which nobody can ask for again, and what is known of it.
  /// - Throws: ``ControlError`` `invalid`
  public func create(
    name: String?, project: String?, seconds: Int?
  ) async throws -> (secret: String, token: Token) {
    if let seconds, !(1...1_000_000_000).contains(seconds) {
      throw ControlError(.invalid, subject: "expires", "a token is valid for 1 to 1,000,000,000 seconds")
    }
    let expiresAt = seconds.map { now() + Int64($0) * 1_000_000_000 }
    let secret = Self.newSecret()
    let token = try await database.addToken(
      digest: Self.digest(of: secret), name: name, project: project, job: nil, attempt: nil, expiresAt: expiresAt)
    return (secret, token)
  }

  /// Makes the token of a job's attempt, which opens the job's project as long as the attempt goes on.
  public func create(for attempt: Attempt, project: String) async throws -> String {
    let secret = Self.newSecret()
    _ = try await database.addToken(
      digest: Self.digest(of: secret), name: nil, project: project, job: attempt.job, attempt: attempt.number,
      expiresAt: nil)
    return secret
  }

  /// Those of people, the newest first.
  public func list() async throws -> [Token] { try await database.tokens() }

  /// - Throws: ``ControlError`` `notFound`
  public func revoke(_ id: String) async throws { try await database.removeToken(id) }

  public func revoke(ofJob job: String) async throws { try await database.removeTokens(ofJob: job) }

  /// Whether it looks like a token. Anything else is none of ours, and not worth a look at the disk.
  public static func isToken(_ secret: String) -> Bool {
    secret.hasPrefix(prefix) && secret.utf8.count == prefix.utf8.count + 64
  }

  /// Whose a secret is; nil: nobody's, or not any more.
  public func token(of secret: String) async throws -> Token? {
    guard Self.isToken(secret) else { return nil }
    let digest = Self.digest(of: secret)
    let revision = database.revision
    if let entry = known.withLock({ $0[digest] }), entry.revision == revision {
      return entry.token.flatMap { ($0.expiresAt ?? .max) > now() ? $0 : nil }
    }
    let token = try await database.token(digest: digest, at: now())
    known.withLock { known in
      if known.count >= Self.mostKnown { known.removeAll() }
      known[digest] = Known(token: token, revision: revision)
    }
    return token
  }

  /// 256 random bits: they can't be guessed, and a plain digest of them can't be undone.
  private static func newSecret() -> String {
    let digits = Array("0123456789abcdef".utf8)
    let text = randomBytes(32).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return prefix + String(decoding: text, as: UTF8.self)
  }

  private static func digest(of secret: String) -> [UInt8] {
    Array(secret.utf8).withUnsafeBytes { Digest(of: $0) }.withBytes { Array($0) }
  }
}
