/// The number of an inode within its volume: below 2^40, never used twice in a store.
public typealias InodeNumber = UInt64

/// The number of a volume: below 2^24, never used twice in a store. Volume 0 is the skeleton that
/// holds the directories in which the other volumes appear.
public typealias VolumeID = UInt32

/// The number of a layer. A volume is a stack of layers: it writes to the top one and sees through
/// to those below, which never change again. A snapshot freezes the top layer and puts a new, empty
/// one on it; a clone puts its own on a frozen one. That is why both are instant.
public typealias LayerID = UInt64

/// A number in the journal's order; the first operation has 1.
public typealias LogSequenceNumber = UInt64

/// What the kernel calls a node: an inode of a volume, in 64 bits.
public struct NodeID: Hashable, Sendable, RawRepresentable, CustomStringConvertible {
  public let rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public init(volume: VolumeID, inode: InodeNumber) {
    rawValue = UInt64(volume) << 40 | inode
  }

  public var volume: VolumeID { VolumeID(truncatingIfNeeded: rawValue >> 40) }
  public var inode: InodeNumber { rawValue & (1 << 40 - 1) }
  public var description: String { "\(volume):\(inode)" }

  /// The root of the mount: inode 1 of volume 0, which FUSE calls node 1.
  public static let root = NodeID(volume: 0, inode: 1)
}
