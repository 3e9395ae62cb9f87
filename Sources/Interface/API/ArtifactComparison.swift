public import FoundationEssentials

/// `GET /v1/jobs/{job}/compare?with=OTHER`: whether two jobs' artifacts are the same, file by file.
public struct ArtifactComparison: Codable, Equatable, Sendable {
  /// The jobs' identifiers.
  public var first: String
  public var second: String
  /// Files and links that both have, with the same content.
  public var same: Int
  /// In the order of the paths' bytes.
  public var differences: [ArtifactDifference]

  public init(first: String, second: String, same: Int, differences: [ArtifactDifference]) {
    self.first = first
    self.second = second
    self.same = same
    self.differences = differences
  }
}

public struct ArtifactDifference: Codable, Equatable, Sendable {
  public enum Kind: String, Codable, Sendable {
    case changed
    case onlyInFirst = "only_in_first"
    case onlyInSecond = "only_in_second"
  }

  /// For people: what is not UTF-8 in it is replaced.
  public var path: String
  /// The same as bytes, in base64.
  public var pathBytes: Data
  public var kind: Kind
  /// SHA-256, where both have a file of this size; nil: the size or the kind says it.
  public var firstDigest: String?
  public var secondDigest: String?

  public init(path: Data, kind: Kind, firstDigest: String? = nil, secondDigest: String? = nil) {
    self.path = String(decoding: path, as: UTF8.self)
    pathBytes = path
    self.kind = kind
    self.firstDigest = firstDigest
    self.secondDigest = secondDigest
  }
}
