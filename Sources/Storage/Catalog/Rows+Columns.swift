import Chunks

// How rows of the tables become values. The columns are listed here once, in the order that the
// initialisers read and the binds write them.

extension InodeRow {
  static let columns = """
    mode, uid, gid, link_count, device, size, allocated, accessed, modified, changed, born, parent, target
    """

  /// The inode in a row of ``columns``; nil where the row says that it was deleted.
  static func living(_ row: Row) throws(CatalogError) -> InodeRow? {
    let mode = try row.uint32(0)
    guard mode != 0 else { return nil }
    return InodeRow(
      mode: mode, uid: try row.uint32(1), gid: try row.uint32(2), linkCount: try row.uint32(3), device: row.uint64(4),
      size: row.uint64(5), allocated: row.uint64(6), accessed: row.int64(7), modified: row.int64(8),
      changed: row.int64(9), born: row.int64(10), parent: row.uint64(11), target: row.bytes(12))
  }
}

extension Statement {
  @discardableResult
  func bind(_ inode: InodeRow) -> Statement {
    bind(inode.mode).bind(inode.uid).bind(inode.gid).bind(inode.linkCount).bind(inode.device).bind(inode.size)
      .bind(inode.allocated).bind(inode.accessed).bind(inode.modified).bind(inode.changed).bind(inode.born)
      .bind(inode.parent).bind(inode.target)
  }
}

extension DirectoryEntry {
  static let columns = "cookie, name, node, type"

  init(_ row: Row) throws(CatalogError) {
    self.init(cookie: row.uint64(0), name: row.bytes(1), node: row.uint64(2), type: try row.uint32(3))
  }
}

extension Statement {
  @discardableResult
  func bind(_ entry: DirectoryEntry) -> Statement {
    bind(entry.cookie).bind(entry.name).bind(entry.node).bind(entry.type)
  }
}

extension VolumeRow {
  static let columns = """
    id, kind, path, layer, root, sealed, quota_bytes, quota_inodes, used_bytes, used_inodes, created, source
    """

  init(_ row: Row) throws(CatalogError) {
    let name = row.text(1)
    guard let kind = VolumeKind(rawValue: name) else {
      throw row.damaged("volume \(row.int64(0)) is of kind '\(name)', which is unknown")
    }
    // Layers take their numbers from the counter of the inodes.
    for number in [row.uint64(3), row.uint64(4)] where number >= 1 << 40 {
      throw row.damaged("volume \(row.int64(0)) has layer or root \(number), which no store reaches")
    }
    self.init(
      id: try row.uint32(0), kind: kind, path: row.isNull(2) ? nil : row.bytes(2), layer: row.uint64(3),
      root: row.uint64(4), sealed: row.int64(5) != 0, quotaBytes: row.uint64(6), quotaInodes: row.uint64(7),
      usedBytes: row.uint64(8), usedInodes: row.uint64(9), created: row.int64(10), source: try row.uint32(11))
  }
}

extension Statement {
  @discardableResult
  func bind(_ volume: VolumeRow) -> Statement {
    bind(volume.id).bind(volume.kind.rawValue)
    if let path = volume.path { bind(path) } else { bindNull() }
    return bind(volume.layer).bind(volume.root).bind(volume.sealed ? 1 : 0 as Int64).bind(volume.quotaBytes)
      .bind(volume.quotaInodes).bind(volume.usedBytes).bind(volume.usedInodes).bind(volume.created)
      .bind(volume.source)
  }
}

extension ChunkLocation {
  static let columns = "pack, offset, stored_length, length, codec"

  /// The location in a row whose columns from `first` on are ``columns``.
  init(_ row: Row, first: Int32) throws(CatalogError) {
    guard let codec = UInt8(exactly: row.int64(first + 4)).flatMap({ Codec(rawValue: $0) }) else {
      throw row.damaged("a chunk in pack \(row.uint64(first)) has codec \(row.int64(first + 4)), which is unknown")
    }
    self.init(
      pack: row.uint64(first), offset: row.uint64(first + 1), storedLength: try row.uint32(first + 2),
      length: try row.uint32(first + 3), codec: codec)
  }
}

extension Statement {
  @discardableResult
  func bind(_ location: ChunkLocation) -> Statement {
    bind(location.pack).bind(location.offset).bind(location.storedLength).bind(location.length)
      .bind(Int64(location.codec.rawValue))
  }

  @discardableResult
  func bind(_ digest: Digest) -> Statement { withUnsafeBytes(of: digest.words) { bind($0) } }
}

extension ChunkRow {
  static let columns = "id, digest, \(ChunkLocation.columns)"

  init(_ row: Row) throws(CatalogError) {
    let id = row.uint64(0)
    let words = row.withBytes(1) { $0.count == 32 ? $0.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self) : nil }
    guard let words else { throw row.damaged("the digest of chunk \(id) does not have 32 bytes") }
    self.init(id: id, digest: Digest(words: words), location: try ChunkLocation(row, first: 2))
  }
}
