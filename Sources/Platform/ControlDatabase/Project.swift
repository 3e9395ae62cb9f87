/// A named collection of jobs and what came of them.
public struct Project: Hashable, Codable, Sendable {
  /// Unique; also a directory's name, see ``Names``.
  public let name: String
  /// Nanoseconds since 1970.
  public let createdAt: Int64

  public init(name: String, createdAt: Int64) {
    self.name = name
    self.createdAt = createdAt
  }
}
