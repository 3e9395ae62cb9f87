public import FoundationEssentials

/// A file, directory or link among a job's artifacts.
public struct ArtifactEntry: Codable, Equatable, Sendable {
  public enum Kind: String, Codable, Sendable {
    case file, directory
    case symbolicLink = "symbolic_link"
    /// A FIFO, socket or device.
    case other
  }

  /// Relative to the job's artifacts; for people: what is not UTF-8 in it is replaced.
  public var path: String
  /// The same as bytes, in base64.
  public var pathBytes: Data
  public var kind: Kind
  /// Bytes of a file's content; 0 for what is no file.
  public var size: UInt64
  /// Nanoseconds since 1970.
  public var modifiedNanoseconds: Int64
  /// Permission bits.
  public var mode: UInt32
  /// What a symbolic link points to.
  public var target: Data?

  public init(
    path: Data, kind: Kind, size: UInt64, modifiedNanoseconds: Int64, mode: UInt32, target: Data? = nil
  ) {
    self.path = String(decoding: path, as: UTF8.self)
    pathBytes = path
    self.kind = kind
    self.size = size
    self.modifiedNanoseconds = modifiedNanoseconds
    self.mode = mode
    self.target = target
  }
}

/// `GET /v1/artifacts/{job}`: in the order of the names' bytes; a directory before what is in it.
public struct ArtifactList: Codable, Equatable, Sendable {
  /// Where the artifacts lie on the host.
  public var directory: String
  public var entries: [ArtifactEntry]

  public init(directory: String, entries: [ArtifactEntry]) {
    self.directory = directory
    self.entries = entries
  }
}
