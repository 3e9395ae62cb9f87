import Chunks

/// Numbers that only grow. `next…` is the first that was never given out.
public struct Counters: Equatable, Sendable {
  /// The last operation of the journal that the catalog contains; 0: none.
  public var appliedSequence: LogSequenceNumber
  public var nextInode: InodeNumber
  public var nextVolume: VolumeID
  public var nextLayer: LayerID
  public var nextChunk: ChunkID
  public var nextPack: UInt64

  public init(
    appliedSequence: LogSequenceNumber = 0, nextInode: InodeNumber = 1, nextVolume: VolumeID = 0,
    nextLayer: LayerID = 1, nextChunk: ChunkID = 1, nextPack: UInt64 = 1
  ) {
    self.appliedSequence = appliedSequence
    self.nextInode = nextInode
    self.nextVolume = nextVolume
    self.nextLayer = nextLayer
    self.nextChunk = nextChunk
    self.nextPack = nextPack
  }
}

/// A layer as the catalog keeps it.
public struct LayerRow: Equatable, Sendable {
  public var id: LayerID
  /// The layer below; nil: none.
  public var parent: LayerID?

  public init(id: LayerID, parent: LayerID?) {
    self.id = id
    self.parent = parent
  }
}

/// A pack as the catalog keeps it.
public struct PackRow: Equatable, Sendable {
  public var id: UInt64
  /// The pack's length on disk, headers and garbage included.
  public var bytes: UInt64
  /// Stored bytes of its chunks that files refer to. The catalog keeps this itself and ignores it
  /// in a batch.
  public var liveBytes: UInt64

  public init(id: UInt64, bytes: UInt64, liveBytes: UInt64 = 0) {
    self.id = id
    self.bytes = bytes
    self.liveBytes = liveBytes
  }
}

/// What the chunks that files refer to come to.
public struct ChunkTotals: Equatable, Sendable {
  public var count: UInt64
  /// Bytes of their contents.
  public var uniqueBytes: UInt64
  /// Bytes that they take in packs, compressed.
  public var storedBytes: UInt64

  public init(count: UInt64 = 0, uniqueBytes: UInt64 = 0, storedBytes: UInt64 = 0) {
    self.count = count
    self.uniqueBytes = uniqueBytes
    self.storedBytes = storedBytes
  }
}

/// Changes that the catalog takes on together or not at all.
///
/// Each is the final state of its row, whatever was there before, so order within a list does not
/// matter unless a key is given twice: then the last counts. Removals come before additions.
public struct CatalogBatch: Sendable {
  /// None may be lower than it is in the catalog.
  public var counters: Counters

  /// New chunks; references to them are counted from the extents, never given.
  public var chunks: [ChunkRow] = []
  /// New packs, and packs that grew. They must be there with, or before, the chunks in them.
  public var packs: [PackRow] = []
  /// New volumes and changed ones.
  public var volumes: [VolumeRow] = []
  public var volumeRemovals: [VolumeID] = []
  public var layers: [LayerRow] = []
  /// Layers that no volume sees any more. They are marked dead, and their rows stay until
  /// ``Catalog/removeLayer(_:limit:)`` has taken them away. No later batch may name such a layer.
  public var layerRemovals: [LayerID] = []

  /// Mode 0 says: deleted here, whatever lies below; the extents and extended attributes that the
  /// inode has in the layer go then, as in ``inodeRemovals``.
  public var inodes: [(layer: LayerID, number: InodeNumber, row: InodeRow)] = []
  /// Rows to delete outright, with the extents and extended attributes that the inode has in the
  /// layer: for inodes that no layer below has.
  public var inodeRemovals: [(layer: LayerID, number: InodeNumber)] = []

  /// Node 0 says: removed here, whatever lies below. The name stays in the row.
  public var entries: [(layer: LayerID, parent: InodeNumber, entry: DirectoryEntry)] = []
  /// Rows to delete outright: for names that no layer below has.
  public var entryRemovals: [(layer: LayerID, parent: InodeNumber, cookie: UInt64)] = []

  /// An empty list says: nothing but a hole here, whatever lies below. nil deletes the row.
  public var extentPages: [(layer: LayerID, number: InodeNumber, page: UInt64, extents: [Extent]?)] = []

  /// Extended attributes. A value of nil says: removed here, whatever lies below.
  public var attributes: [(layer: LayerID, number: InodeNumber, name: [UInt8], value: [UInt8]?)] = []
  /// Rows to delete outright: for attributes that no layer below has.
  public var attributeRemovals: [(layer: LayerID, number: InodeNumber, name: [UInt8])] = []

  public init(counters: Counters) { self.counters = counters }
}
