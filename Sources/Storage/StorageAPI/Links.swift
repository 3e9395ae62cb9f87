/// `PUT /v1/links?path=…`: a symbolic link beside volumes.
public struct LinkTarget: Codable, Equatable, Sendable {
  /// A name in the link's own directory.
  public var target: String

  public init(target: String) { self.target = target }
}
