public import FoundationEssentials

/// A secret, without its value, which nothing ever tells.
public struct Secret: Codable, Equatable, Sendable {
  public var name: String
  /// Whose jobs may have it; nil: all may.
  public var project: String?
  /// Nanoseconds since 1970.
  public var createdNanoseconds: Int64
  public var updatedNanoseconds: Int64

  public init(name: String, project: String?, createdNanoseconds: Int64, updatedNanoseconds: Int64) {
    self.name = name
    self.project = project
    self.createdNanoseconds = createdNanoseconds
    self.updatedNanoseconds = updatedNanoseconds
  }
}

/// The body of `PUT /v1/secrets/{name}`.
public struct NewSecret: Codable, Sendable {
  /// nil: jobs of all projects may have it.
  public var project: String?
  /// 1 to 65536 bytes; in base64.
  public var value: Data

  public init(project: String?, value: Data) {
    self.project = project
    self.value = value
  }
}

/// `GET /v1/secrets`: by name.
public struct SecretList: Codable, Equatable, Sendable {
  public var secrets: [Secret]

  public init(secrets: [Secret]) { self.secrets = secrets }
}
