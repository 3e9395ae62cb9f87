/// A token, without its secret.
public struct Token: Codable, Equatable, Sendable {
  public var id: String
  /// What it is for.
  public var name: String?
  /// The only project that it opens; nil: all of Cairn.
  public var project: String?
  /// Nanoseconds since 1970.
  public var createdNanoseconds: Int64
  /// nil: it stays valid until it is revoked.
  public var expiresNanoseconds: Int64?

  public init(
    id: String, name: String?, project: String?, createdNanoseconds: Int64, expiresNanoseconds: Int64?
  ) {
    self.id = id
    self.name = name
    self.project = project
    self.createdNanoseconds = createdNanoseconds
    self.expiresNanoseconds = expiresNanoseconds
  }
}

/// The answer to `POST /v1/tokens`. The secret is in no other answer.
public struct NewTokenSecret: Codable, Equatable, Sendable {
  /// The secret.
  public var token: String
  public var id: String
  public var project: String?
  public var expiresNanoseconds: Int64?

  public init(token: String, id: String, project: String?, expiresNanoseconds: Int64?) {
    self.token = token
    self.id = id
    self.project = project
    self.expiresNanoseconds = expiresNanoseconds
  }
}

/// The body of `POST /v1/tokens`.
public struct NewToken: Codable, Equatable, Sendable {
  public var name: String?
  public var project: String?
  /// How long it is valid; nil: until it is revoked.
  public var expiresSeconds: Int?

  public init(name: String?, project: String?, expiresSeconds: Int?) {
    self.name = name
    self.project = project
    self.expiresSeconds = expiresSeconds
  }
}

/// `GET /v1/tokens`: the newest first.
public struct TokenList: Codable, Equatable, Sendable {
  public var tokens: [Token]

  public init(tokens: [Token]) { self.tokens = tokens }
}
