import Catalog
import Chunks
import Linux

// The interface that FUSE and the storage service are written against. Bodies follow.

/// A complete POSIX file system over chunks. All methods are synchronous and thread-safe.
///
/// Methods that return the attributes of a *child* (lookup, make, makeUnnamed, link) count one
/// kernel reference to it; ``forget(_:count:)`` gives references back.
public final class FileSystem: Sendable {
  public init(disk: any Disk) throws {}
  /// Makes everything durable and stops the background threads.
  public func close() {}
  /// Called, on a thread that holds no lock, after a change that did not come from the kernel.
  public func onInvalidation(_ handler: @escaping @Sendable (KernelInvalidation) -> Void) {}

  public func lookup(_ parent: NodeID, _ name: [UInt8]) throws(POSIXError) -> Attributes { throw POSIXError(38) }
  public func forget(_ node: NodeID, count: UInt64) {}
  public func attributes(_ node: NodeID) throws(POSIXError) -> Attributes { throw POSIXError(38) }
  public func setAttributes(_ node: NodeID, _ change: AttributeChange, _ caller: Caller) throws(POSIXError) -> Attributes
  { throw POSIXError(38) }
  public func readLink(_ node: NodeID) throws(POSIXError) -> [UInt8] { throw POSIXError(38) }
  /// mknod, mkdir, symlink and create.
  public func make(_ parent: NodeID, _ name: [UInt8], _ new: NewNode, _ caller: Caller) throws(POSIXError) -> Attributes
  { throw POSIXError(38) }
  /// O_TMPFILE.
  public func makeUnnamed(_ parent: NodeID, _ new: NewNode, _ caller: Caller) throws(POSIXError) -> Attributes
  { throw POSIXError(38) }
  public func unlink(_ parent: NodeID, _ name: [UInt8], _ caller: Caller) throws(POSIXError) {}
  public func removeDirectory(_ parent: NodeID, _ name: [UInt8], _ caller: Caller) throws(POSIXError) {}
  public func rename(
    _ parent: NodeID, _ name: [UInt8], to newParent: NodeID, _ newName: [UInt8], _ flags: RenameFlags, _ caller: Caller
  ) throws(POSIXError) {}
  public func link(_ node: NodeID, to parent: NodeID, _ name: [UInt8], _ caller: Caller) throws(POSIXError) -> Attributes
  { throw POSIXError(38) }

  /// Fills `buffer` from the file; fewer bytes only at its end.
  public func read(_ node: NodeID, offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(POSIXError) -> Int
  { throw POSIXError(38) }
  /// Writes all of `bytes`. With `clearSetID` clears set-user-ID and, of executables, set-group-ID.
  public func write(
    _ node: NodeID, offset: UInt64, bytes: UnsafeRawBufferPointer, clearSetID: Bool, _ caller: Caller
  ) throws(POSIXError) {}
  /// fsync and fsyncdir: returns once the file and every operation before it survive a power cut.
  public func synchronize(_ node: NodeID) throws(POSIXError) {}
  public func allocate(
    _ node: NodeID, _ mode: AllocationMode, offset: UInt64, length: UInt64, _ caller: Caller
  ) throws(POSIXError) {}
  /// ENXIO past the end of the file, and for data where there is none.
  public func seek(_ node: NodeID, _ target: SeekTarget, from offset: UInt64) throws(POSIXError) -> UInt64
  { throw POSIXError(38) }
  /// Shares chunks; returns the bytes copied, fewer than asked only at the end of the source.
  public func copyRange(
    _ source: NodeID, offset: UInt64, to destination: NodeID, offset destinationOffset: UInt64, length: UInt64,
    _ caller: Caller
  ) throws(POSIXError) -> UInt64 { throw POSIXError(38) }

  /// Calls `body` for each name after `cookie` (0: from the start) until it returns false. `.` and
  /// `..` are not among them.
  public func list(
    _ directory: NodeID, after cookie: UInt64, _ body: (DirectoryListing) -> Bool
  ) throws(POSIXError) {}
  /// The directory's parent, for `..`.
  public func parent(_ directory: NodeID) throws(POSIXError) -> NodeID { throw POSIXError(38) }

  public func extendedAttribute(_ node: NodeID, _ name: [UInt8]) throws(POSIXError) -> [UInt8] { throw POSIXError(38) }
  public func extendedAttributeNames(_ node: NodeID) throws(POSIXError) -> [[UInt8]] { throw POSIXError(38) }
  /// With `clearSetGroupID` (an ACL set by one who is not in the file's group) the mode loses it.
  public func setExtendedAttribute(
    _ node: NodeID, _ name: [UInt8], _ value: UnsafeRawBufferPointer, _ mode: ExtendedAttributeMode,
    clearSetGroupID: Bool, _ caller: Caller
  ) throws(POSIXError) {}
  public func removeExtendedAttribute(_ node: NodeID, _ name: [UInt8], _ caller: Caller) throws(POSIXError) {}
  public func space(_ node: NodeID) throws(POSIXError) -> SpaceInformation { throw POSIXError(38) }

  public func volumes() -> [VolumeInformation] { [] }
  public func volume(_ id: VolumeID) throws(VolumeError) -> VolumeInformation { throw VolumeError(.failed, "") }
  public func createVolume(_ request: VolumeRequest) throws(VolumeError) -> VolumeInformation
  { throw VolumeError(.failed, "") }
  /// A sealed volume that stays as `id` is now. Instant.
  public func snapshot(_ id: VolumeID, path: String?) throws(VolumeError) -> VolumeInformation
  { throw VolumeError(.failed, "") }
  /// A writable volume that begins as `id` is now. Instant. Ownership and mode in the request are ignored.
  public func clone(_ id: VolumeID, _ request: VolumeRequest) throws(VolumeError) -> VolumeInformation
  { throw VolumeError(.failed, "") }
  public func seal(_ id: VolumeID) throws(VolumeError) {}
  public func setQuota(_ id: VolumeID, bytes: UInt64, inodes: UInt64) throws(VolumeError) {}
  /// Removes a volume and, where they are empty then, the skeleton directories made for its path.
  public func removeVolume(_ id: VolumeID) throws(VolumeError) {}

  public func usage() throws(VolumeError) -> StorageUsage { throw VolumeError(.failed, "") }
  /// Everything acknowledged so far survives a power cut once this returns.
  public func synchronizeAll() throws(VolumeError) {}
  /// Those of `digests` that the store lacks, in their order. The others stay for an hour at least.
  public func missingChunks(_ digests: [Digest]) throws(VolumeError) -> [Digest] { [] }
  /// Stores a chunk's content (1 byte to the chunking parameters' maximum).
  public func addChunk(_ content: UnsafeRawBufferPointer) throws(VolumeError) -> Digest { throw VolumeError(.failed, "") }
  /// Makes a sealed volume of a tree whose chunks are all in the store.
  public func ingest(_ request: VolumeRequest, _ entries: [IngestEntry]) throws(VolumeError) -> VolumeInformation
  { throw VolumeError(.failed, "") }
}
