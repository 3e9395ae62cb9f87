public import ControlDatabase

/// Values that jobs need and nobody else is to see. They go in, and come out only into containers.
public struct SecretService: Sendable {
  /// Enough for keys, certificates and service accounts.
  public static let longestValue = 64 << 10

  private let database: ControlDatabase
  private let box: SecretBox

  public init(database: ControlDatabase, box: SecretBox) {
    self.database = database
    self.box = box
  }

  /// Keeps a value, in the place of an earlier one.
  /// - Parameter project: whose jobs may have it; nil: all may.
  /// - Throws: ``ControlError`` `invalid` for a bad name or value.
  public func set(_ name: String, project: String?, value: [UInt8]) async throws -> Secret {
    guard (1...Self.longestValue).contains(value.count) else {
      throw ControlError(
        .invalid, subject: name, "a secret has 1 to \(Self.longestValue) bytes; \(name) has \(value.count)")
    }
    let sealed = try box.seal(value, name: Self.context(name, project))
    return try await database.setSecret(name, project: project, sealed: sealed)
  }

  /// By name; values are never told.
  /// - Parameter project: only those that its jobs may have; nil: all there are.
  public func list(project: String? = nil) async throws -> [Secret] { try await database.secrets(project: project) }

  /// - Throws: ``ControlError`` `notFound`
  public func remove(_ name: String, project: String?) async throws {
    try await database.removeSecret(name, project: project)
  }

  /// What a job of this project gets under this name: its project's own value before that of all.
  /// - Throws: ``ControlError`` `notFound`; ``SecretError``
  public func value(of name: String, for project: String) async throws -> [UInt8] {
    guard let (secret, sealed) = try await database.sealedSecret(name, for: project) else {
      throw ControlError(
        .notFound, subject: name,
        "there is no secret \(name) for project \(project); make it: cairn secret set \(name) --project \(project)")
    }
    return try box.open(sealed, name: Self.context(name, secret.project))
  }

  /// Every value that a job of this project may have been given under this name since `time`: what a log is not to show.
  /// - Throws: ``ControlError`` `notFound` where there is none; ``SecretError``
  public func values(of name: String, for project: String, since time: Int64) async throws -> [[UInt8]] {
    let found = try await database.sealedSecrets(name, for: project, since: time)
    if found.isEmpty {
      throw ControlError(.notFound, subject: name, "the secret \(name) is gone, and what it was is not known any more")
    }
    return try found.map { try box.open($0.sealed, name: Self.context(name, $0.project)) }
  }

  /// Forgets values that were replaced or removed, as far as no log needs them to be hidden.
  /// - Parameters:
  ///   - jobs: have ended, and their logs may show them.
  ///   - time: other logs may show what was a secret then or later, in nanoseconds since 1970; nil: no others do.
  public func forgetRetired(except jobs: Set<String>, since time: Int64? = nil) async throws {
    try await database.forgetRetiredSecrets(except: jobs, since: time)
  }

  /// What a log must not show of these values: each line that is long enough not to stand there by chance.
  public static func traces(of values: [[UInt8]]) -> [[UInt8]] {
    let lines = values.flatMap { $0.split(whereSeparator: { $0 == 10 || $0 == 13 }).map { Array($0) } }
    return Array(Set(lines.filter { $0.count >= 6 }))
  }

  /// Neither part can have a null byte.
  private static func context(_ name: String, _ project: String?) -> String { "secret\0\(project ?? "")\0\(name)" }
}
