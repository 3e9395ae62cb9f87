import Catalog
import Chunks

/// A request about volumes that could not be carried out.
public struct VolumeError: Error, CustomStringConvertible, Sendable {
  public enum Code: String, Sendable {
    case notFound, exists, sealed, busy, invalid, damaged, failed
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

/// What is known of a volume.
public typealias VolumeInformation = VolumeRow

/// What a new volume is to be.
public struct VolumeRequest: Sendable {
  public var kind: VolumeKind
  /// Where it appears under the mount, such as `artifacts/p/j`; directories on the way are made.
  /// Its first component must be one of the skeleton's: storage, workspaces, artifacts, models, volumes.
  /// nil: it appears nowhere, as snapshots do.
  public var path: String?
  /// Owner and permissions of its root directory.
  public var uid: UInt32 = 0
  public var gid: UInt32 = 0
  public var mode: UInt32 = 0o755
  /// 0: no limit.
  public var quotaBytes: UInt64 = 0
  public var quotaInodes: UInt64 = 0

  public init(kind: VolumeKind, path: String? = nil) {
    self.kind = kind
    self.path = path
  }
}

/// One file of a tree that is brought in without going through the mount. Parents come before
/// their children; the first entry is the root, with an empty path.
public struct IngestEntry: Sendable {
  public enum Content: Sendable {
    case directory
    /// The chunks of a regular file in order; together they are its whole content.
    case file([Digest])
    case symbolicLink(target: [UInt8])
    /// Another name of a file that came earlier.
    case hardLink(to: [UInt8])
  }

  /// Relative to the root, components separated by `/`.
  public var path: [UInt8]
  public var content: Content
  /// Permission bits.
  public var mode: UInt32
  public var uid: UInt32
  public var gid: UInt32
  /// Nanoseconds since 1970.
  public var modified: Int64

  public init(path: [UInt8], content: Content, mode: UInt32, uid: UInt32, gid: UInt32, modified: Int64) {
    self.path = path
    self.content = content
    self.mode = mode
    self.uid = uid
    self.gid = gid
    self.modified = modified
  }
}

/// What the store holds and what deduplication and compression save.
public struct StorageUsage: Equatable, Sendable {
  /// Bytes in files of all volumes, holes left out.
  public var logicalBytes: UInt64
  /// Bytes of distinct chunks that files refer to.
  public var uniqueBytes: UInt64
  /// Bytes that these take, compressed.
  public var storedBytes: UInt64
  /// Bytes of all packs, garbage and headers included.
  public var packBytes: UInt64
  public var chunks: UInt64
  public var inodes: UInt64
  public var volumes: UInt64
  /// Bytes that are written but not chunked yet.
  public var stagedBytes: UInt64
  /// Bytes that the disk below could still take.
  public var freeBytes: UInt64
}

/// What the kernel may have cached and must be told of, because it was changed behind its back.
public enum KernelInvalidation: Sendable {
  case entry(parent: NodeID, name: [UInt8])
  case attributes(NodeID)
}
