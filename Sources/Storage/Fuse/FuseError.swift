import Linux

/// A mount that could not be made, taken over or ended.
public struct FuseError: Error, CustomStringConvertible, Sendable {
  public enum Code: String, Sendable {
    /// `/dev/fuse` is missing or may not be opened.
    case noDevice
    /// Something else is mounted there, or does not answer.
    case busy
    /// The mount point is missing or not a directory.
    case badMountPoint
    /// The kernel refused, or speaks a protocol that is not understood.
    case refused
  }

  public let code: Code
  /// A sentence: what was tried, on what, and what to do.
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
