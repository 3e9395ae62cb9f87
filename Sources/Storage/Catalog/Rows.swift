import Chunks

/// An inode as the catalog keeps it. Times are nanoseconds since 1970.
public struct InodeRow: Equatable, Sendable {
  /// Type and permissions as in `st_mode`. 0 in a layer says: deleted here, whatever lies below.
  public var mode: UInt32
  public var uid: UInt32
  public var gid: UInt32
  /// Names that lead here; for a directory 2 and one for each directory in it. 0: unlinked, and
  /// kept until the kernel forgets it.
  public var linkCount: UInt32
  /// Of a device node, as in `st_rdev`.
  public var device: UInt64
  public var size: UInt64
  /// Bytes of content that are not holes: what the quota counts, and 512 times `st_blocks`.
  public var allocated: UInt64
  public var accessed: Int64
  public var modified: Int64
  public var changed: Int64
  public var born: Int64
  /// The directory that it was last linked in, to tell a path from an inode. A hint: it may be
  /// stale for a file with several names. Exact for a directory.
  public var parent: InodeNumber
  /// Of a symbolic link: what it points to. Else empty.
  public var target: [UInt8]

  public init(
    mode: UInt32, uid: UInt32, gid: UInt32, linkCount: UInt32, device: UInt64 = 0, size: UInt64 = 0,
    allocated: UInt64 = 0, accessed: Int64 = 0, modified: Int64 = 0, changed: Int64 = 0, born: Int64 = 0,
    parent: InodeNumber = 0, target: [UInt8] = []
  ) {
    self.mode = mode
    self.uid = uid
    self.gid = gid
    self.linkCount = linkCount
    self.device = device
    self.size = size
    self.allocated = allocated
    self.accessed = accessed
    self.modified = modified
    self.changed = changed
    self.born = born
    self.parent = parent
    self.target = target
  }
}

/// A name in a directory.
public struct DirectoryEntry: Equatable, Sendable {
  /// Where it stands in the directory: a keyed hash of the name in the upper bits and, in the lowest
  /// 8, a counter that tells names of one hash apart. It stays while the name exists, so a reader
  /// that goes on from a cookie misses nothing and sees nothing twice. Below 2^63.
  public var cookie: UInt64
  /// Any bytes but `/` and NUL; 1 to 255 of them.
  public var name: [UInt8]
  /// An inode of the same volume, or, where the upper 24 bits are not 0, another volume's root.
  /// 0 in a layer says: removed here, whatever lies below.
  public var node: UInt64
  /// The type bits of the inode's mode, `mode & S_IFMT`.
  public var type: UInt32

  public init(cookie: UInt64, name: [UInt8], node: UInt64, type: UInt32) {
    self.cookie = cookie
    self.name = name
    self.node = node
    self.type = type
  }
}

/// A piece of a file's content.
public struct Extent: Equatable, Sendable {
  public enum Content: Equatable, Sendable {
    /// Bytes of a chunk, from `offset` in its content.
    case chunk(ChunkID, offset: UInt32)
    /// Bytes that are not chunked yet, in a log segment. Never stored in the catalog.
    case staged(segment: UInt64, offset: UInt64)
    /// The bytes themselves: files too small for a chunk.
    case inline([UInt8])
    /// Space that is the file's but reads as zeros: allocated and never written, or written with zeros.
    case zeros
  }

  /// Where it begins in the file.
  public var offset: UInt64
  /// At least 1.
  public var length: UInt64
  public var content: Content

  public var end: UInt64 { offset + length }

  public init(offset: UInt64, length: UInt64, content: Content) {
    self.offset = offset
    self.length = length
    self.content = content
  }
}

/// A file's map of extents is kept in pages, each for a fixed range of the file, so that a change to
/// a large file writes, and a clone of it overrides, no more than the pages it touches.
public enum ExtentPage {
  /// Bytes of a file that one page maps. No extent crosses a page's border.
  public static let span: UInt64 = 16 << 20
}

public enum VolumeKind: String, Sendable, Codable, CaseIterable {
  case skeleton, persistent, workspace, artifact, model
}

/// A volume as the catalog keeps it.
public struct VolumeRow: Equatable, Sendable {
  public var id: VolumeID
  public var kind: VolumeKind
  /// Where it appears under the mount, without a leading slash, such as `artifacts/p/j`; nil: nowhere. Empty while
  /// its tree is being brought in: see ``isIncomplete``.
  public var path: [UInt8]?
  /// The layer that it writes to.
  public var layer: LayerID
  public var root: InodeNumber
  /// Nothing in it changes any more.
  public var sealed: Bool
  /// The most bytes that its files may hold; 0: no limit.
  public var quotaBytes: UInt64
  /// The most inodes; 0: no limit.
  public var quotaInodes: UInt64
  public var usedBytes: UInt64
  public var usedInodes: UInt64
  /// Nanoseconds since 1970.
  public var created: Int64
  /// The volume that it began as a snapshot or clone of; 0: none.
  public var source: VolumeID

  /// The path, which leads nowhere, of a volume that is not all there yet.
  public static let pathWhileIncomplete: [UInt8] = []

  /// Its tree is being brought in. Nobody knows of it before it has its place, and if its process dies before that, the
  /// next removes it.
  public var isIncomplete: Bool { path == Self.pathWhileIncomplete && !sealed }

  public init(
    id: VolumeID, kind: VolumeKind, path: [UInt8]?, layer: LayerID, root: InodeNumber, sealed: Bool = false,
    quotaBytes: UInt64 = 0, quotaInodes: UInt64 = 0, usedBytes: UInt64 = 0, usedInodes: UInt64 = 1,
    created: Int64, source: VolumeID = 0
  ) {
    self.id = id
    self.kind = kind
    self.path = path
    self.layer = layer
    self.root = root
    self.sealed = sealed
    self.quotaBytes = quotaBytes
    self.quotaInodes = quotaInodes
    self.usedBytes = usedBytes
    self.usedInodes = usedInodes
    self.created = created
    self.source = source
  }
}

/// A chunk as the catalog keeps it.
public struct ChunkRow: Equatable, Sendable {
  public var id: ChunkID
  public var digest: Digest
  public var location: ChunkLocation

  public init(id: ChunkID, digest: Digest, location: ChunkLocation) {
    self.id = id
    self.digest = digest
    self.location = location
  }
}
