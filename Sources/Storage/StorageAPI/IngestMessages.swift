import FoundationEssentials

/// `POST /v1/ingest/missing` and its answer. A digest is 64 lower-case hexadecimal digits.
public struct DigestList: Codable, Equatable, Sendable {
  /// The most digests in a request.
  public static let maximumCount = 65_536

  public var digests: [String]

  public init(digests: [String]) { self.digests = digests }
}

/// The answer of `POST /v1/ingest/chunks`: one digest for each chunk, in their order.
public struct IngestedChunks: Codable, Equatable, Sendable {
  public var count: Int
  public var digests: [String]

  public init(count: Int, digests: [String]) {
    self.count = count
    self.digests = digests
  }
}

/// A line of `POST /v1/ingest/trees`: one file of a tree. Parents come before their children; the
/// first entry is the root directory, with an empty path. Paths and targets are bytes (base64 in JSON).
public struct TreeEntry: Codable, Equatable, Sendable {
  public enum Kind: String, Codable, Sendable {
    case directory, file
    case symbolicLink = "symbolic_link"
    case hardLink = "hard_link"
  }

  /// Relative to the root, components separated by `/`.
  public var path: Data
  public var kind: Kind
  /// Of a file: its chunks in order; together they are its whole content.
  public var digests: [String]?
  /// Of a symbolic link: what it points to. Of a hard link: the path of a file that came earlier.
  public var target: Data?
  /// Permission bits.
  public var mode: UInt32
  public var uid: UInt32
  public var gid: UInt32
  /// Since 1970.
  public var modifiedNanoseconds: Int64

  public init(
    path: Data, kind: Kind, digests: [String]? = nil, target: Data? = nil, mode: UInt32, uid: UInt32, gid: UInt32,
    modifiedNanoseconds: Int64
  ) {
    self.path = path
    self.kind = kind
    self.digests = digests
    self.target = target
    self.mode = mode
    self.uid = uid
    self.gid = gid
    self.modifiedNanoseconds = modifiedNanoseconds
  }
}

/// The frames of `POST /v1/ingest/chunks`: the length of a chunk's content as a little-endian
/// 32-bit number, then the content.
public enum ChunkFrame {
  /// The most bytes of content in a frame.
  public static let maximumLength = 256 << 10
  /// The most frames in a request.
  public static let maximumCount = 65_536

  /// The frame's first four bytes.
  public static func header(length: Int) -> [UInt8] {
    let length = UInt32(length)
    return (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
  }
}
