import Catalog
import Chunks

/// One change to the store, with everything resolved that depends on when it happened: numbers
/// given, times, owners. Applied to the same state it always gives the same state, so the journal
/// can be replayed. Times are nanoseconds since 1970.
public enum Operation: Equatable, Sendable {
  /// A new inode, named unless `name` is empty (O_TMPFILE).
  case make(Make)
  case link(node: NodeID, parent: NodeID, name: [UInt8], time: Int64)
  /// unlink and rmdir.
  case unlink(parent: NodeID, name: [UInt8], time: Int64)
  case rename(Rename)
  case setAttributes(SetAttributes)
  case write(Write)
  case allocate(node: NodeID, kind: AllocationKind, offset: UInt64, length: UInt64, time: Int64)
  case copyRange(CopyRange)
  /// `value` nil removes it. `mode`, when not nil, becomes the permission bits (an ACL was set).
  case setExtendedAttribute(node: NodeID, name: [UInt8], value: [UInt8]?, mode: UInt32?, time: Int64)
  /// The kernel has forgotten an inode without names: it is gone for good.
  case release(node: NodeID)
  /// The content of a file, brought in as chunks that the store has.
  case assemble(node: NodeID, chunks: [AssembledChunk], time: Int64)
  /// The volume's root has the attributes of `root` (its name is empty).
  case createVolume(volume: VolumeRow, root: Make)
  /// A volume that begins as another is. `sourceLayer` becomes the source's new top layer, or is 0
  /// where the source is sealed and keeps its own.
  case branchVolume(volume: VolumeRow, source: VolumeID, sourceLayer: LayerID)
  case sealVolume(VolumeID)
  case setQuota(VolumeID, bytes: UInt64, inodes: UInt64)
  case removeVolume(VolumeID)
  /// The tree of a volume that was incomplete is all there: it gets its path, or none, and is sealed.
  case placeVolume(VolumeID, path: [UInt8]?, time: Int64)

  public struct Make: Equatable, Sendable {
    public var parent: NodeID
    public var name: [UInt8]
    public var node: NodeID
    public var mode: UInt32
    public var uid: UInt32
    public var gid: UInt32
    public var device: UInt64
    public var target: [UInt8]
    public var time: Int64
    /// Inherited ACLs.
    public var extendedAttributes: [ExtendedAttribute]

    public init(
      parent: NodeID, name: [UInt8], node: NodeID, mode: UInt32, uid: UInt32, gid: UInt32, device: UInt64 = 0,
      target: [UInt8] = [], time: Int64, extendedAttributes: [ExtendedAttribute] = []
    ) {
      self.parent = parent
      self.name = name
      self.node = node
      self.mode = mode
      self.uid = uid
      self.gid = gid
      self.device = device
      self.target = target
      self.time = time
      self.extendedAttributes = extendedAttributes
    }
  }

  public struct ExtendedAttribute: Equatable, Sendable {
    public var name: [UInt8]
    public var value: [UInt8]

    public init(name: [UInt8], value: [UInt8]) {
      self.name = name
      self.value = value
    }
  }

  public struct Rename: Equatable, Sendable {
    public var parent: NodeID
    public var name: [UInt8]
    public var newParent: NodeID
    public var newName: [UInt8]
    public var exchange: Bool
    /// The character device 0:0 to leave behind (RENAME_WHITEOUT); 0: none.
    public var whiteout: InodeNumber
    public var time: Int64

    public init(
      parent: NodeID, name: [UInt8], newParent: NodeID, newName: [UInt8], exchange: Bool, whiteout: InodeNumber,
      time: Int64
    ) {
      self.parent = parent
      self.name = name
      self.newParent = newParent
      self.newName = newName
      self.exchange = exchange
      self.whiteout = whiteout
      self.time = time
    }
  }

  public struct SetAttributes: Equatable, Sendable {
    public var node: NodeID
    public var mode: UInt32?
    public var uid: UInt32?
    public var gid: UInt32?
    public var size: UInt64?
    public var accessed: Int64?
    public var modified: Int64?
    public var changed: Int64
    /// Removes security.capability, as chown and truncate do.
    public var dropsCapability: Bool

    public init(node: NodeID, changed: Int64) {
      self.node = node
      self.changed = changed
      dropsCapability = false
    }
  }

  public struct Write: Equatable, Sendable {
    public enum Source: Equatable, Sendable {
      /// The bytes are in the record itself. Where they lie is filled in when the record is written or read.
      case inline(location: StagedLocation)
      /// The bytes are in a staging segment; the CRC-32C tells after a power cut whether they got there.
      case staged(location: StagedLocation, checksum: UInt32)
    }

    public var node: NodeID
    public var offset: UInt64
    public var length: UInt32
    public var time: Int64
    /// The permission bits after set-user-ID and set-group-ID were cleared; nil: unchanged.
    public var mode: UInt32?
    public var dropsCapability: Bool
    public var source: Source

    public init(
      node: NodeID, offset: UInt64, length: UInt32, time: Int64, mode: UInt32?, dropsCapability: Bool, source: Source
    ) {
      self.node = node
      self.offset = offset
      self.length = length
      self.time = time
      self.mode = mode
      self.dropsCapability = dropsCapability
      self.source = source
    }

    public var location: StagedLocation {
      switch source {
      case .inline(let location), .staged(let location, _): location
      }
    }
  }

  public struct CopyRange: Equatable, Sendable {
    public var source: NodeID
    public var sourceOffset: UInt64
    public var destination: NodeID
    public var destinationOffset: UInt64
    public var length: UInt64
    public var mode: UInt32?
    public var dropsCapability: Bool
    public var time: Int64

    public init(
      source: NodeID, sourceOffset: UInt64, destination: NodeID, destinationOffset: UInt64, length: UInt64,
      mode: UInt32?, dropsCapability: Bool, time: Int64
    ) {
      self.source = source
      self.sourceOffset = sourceOffset
      self.destination = destination
      self.destinationOffset = destinationOffset
      self.length = length
      self.mode = mode
      self.dropsCapability = dropsCapability
      self.time = time
    }
  }

  public enum AllocationKind: UInt8, Sendable {
    case allocate = 0
    case allocateKeepingSize = 1
    case punchHole = 2
    case zeroRange = 3
    case zeroRangeKeepingSize = 4
    case collapseRange = 5
    case insertRange = 6
  }

  public struct AssembledChunk: Equatable, Sendable {
    public var chunk: ChunkID
    public var length: UInt32

    public init(chunk: ChunkID, length: UInt32) {
      self.chunk = chunk
      self.length = length
    }
  }
}

/// Where bytes lie that are not chunked yet: a log segment (of the journal, or a staging segment) and
/// an offset in it.
public struct StagedLocation: Equatable, Sendable {
  public var segment: UInt64
  public var offset: UInt64

  public init(segment: UInt64, offset: UInt64) {
    self.segment = segment
    self.offset = offset
  }
}
