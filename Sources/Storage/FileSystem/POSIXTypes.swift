import Catalog
import Glibc

/// What a file operation answers instead of a result: an `errno` value.
///
/// The cause of an `EIO` or `ENOSPC` is logged where it is met; programs can be told no more than
/// the number.
public struct POSIXError: Error, Equatable, Sendable {
  public let code: Int32

  public init(_ code: Int32) { self.code = code }
}

/// The state of an inode, as `stat` shows it. Times are nanoseconds since 1970.
public struct Attributes: Equatable, Sendable {
  public var node: NodeID
  public var mode: UInt32
  public var linkCount: UInt32
  public var uid: UInt32
  public var gid: UInt32
  public var device: UInt64
  public var size: UInt64
  /// Bytes that are not holes.
  public var allocated: UInt64
  public var accessed: Int64
  public var modified: Int64
  public var changed: Int64
  public var born: Int64
}

/// On whose behalf an operation runs. The kernel has checked permissions already
/// (`default_permissions`); this is for ownership of what is made.
public struct Caller: Sendable {
  public var uid: UInt32
  public var gid: UInt32
  /// A number that no other request to the store has, or 0: one that the kernel sends again after a
  /// restart is recognised by it, and answered without being carried out twice.
  public var request: UInt64

  public init(uid: UInt32 = 0, gid: UInt32 = 0, request: UInt64 = 0) {
    self.uid = uid
    self.gid = gid
    self.request = request
  }
}

/// What `setattr` is to change; nil leaves a field as it is.
public struct AttributeChange: Sendable {
  public enum Time: Sendable {
    case now
    case at(Int64)
  }

  /// Permission bits with set-user-ID, set-group-ID and sticky; the type bits are ignored.
  public var mode: UInt32?
  public var uid: UInt32?
  public var gid: UInt32?
  public var size: UInt64?
  public var accessed: Time?
  public var modified: Time?
  /// Given by the kernel only with a write-back cache.
  public var changed: Int64?
  /// Whether the kernel asks to clear set-user-ID, and set-group-ID of executables (KILLPRIV_V2).
  public var clearSetID = false

  public init() {}
}

/// What `mknod`, `mkdir`, `symlink` and `create` make.
public struct NewNode: Sendable {
  /// Type and permissions, before the umask.
  public var mode: UInt32
  /// Bits to leave out of the permissions, unless the directory has a default ACL.
  public var umask: UInt32
  public var device: UInt64
  /// Of a symbolic link.
  public var target: [UInt8]

  public init(mode: UInt32, umask: UInt32 = 0, device: UInt64 = 0, target: [UInt8] = []) {
    self.mode = mode
    self.umask = umask
    self.device = device
    self.target = target
  }
}

/// The flags of `renameat2`.
public struct RenameFlags: OptionSet, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let noReplace = RenameFlags(rawValue: 1)
  public static let exchange = RenameFlags(rawValue: 2)
  public static let whiteout = RenameFlags(rawValue: 4)
}

/// The modes of `fallocate` that a file system carries out.
public enum AllocationMode: Sendable {
  /// Extends the file if need be; the range is charged to the quota when it is written.
  case allocate(keepSize: Bool)
  case punchHole
  case zeroRange(keepSize: Bool)
  case collapseRange
  case insertRange
}

public enum SeekTarget: Sendable {
  case data
  case hole
}

/// The flags of `setxattr`.
public enum ExtendedAttributeMode: Sendable {
  case any
  case createOnly
  case replaceOnly
}

/// What `statfs` shows for a volume.
public struct SpaceInformation: Equatable, Sendable {
  public var totalBytes: UInt64
  public var freeBytes: UInt64
  public var totalInodes: UInt64
  public var freeInodes: UInt64
}

/// A name in a directory, as `readdir` gives it.
public struct DirectoryListing: Equatable, Sendable {
  public var name: [UInt8]
  public var node: NodeID
  /// The type bits of the mode.
  public var type: UInt32
  /// Give this to go on after this entry.
  public var cookie: UInt64
}
