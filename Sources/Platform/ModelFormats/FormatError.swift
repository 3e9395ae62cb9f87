/// Content that is not what its format demands: what is wrong, as the end of a sentence.
public struct FormatError: Error, Equatable, CustomStringConvertible, Sendable {
  public let description: String

  public init(_ description: String) { self.description = description }
}
