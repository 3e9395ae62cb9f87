import Chunks

/// A page of a file whose map names a chunk that was asked for.
public struct ChunkUse: Hashable, Sendable {
  public var layer: LayerID
  public var inode: InodeNumber
  public var page: UInt64
}

// What a check needs to name files, and what a repair can derive.

extension Catalog {
  /// The pages, in all layers, whose maps name one of `chunks`, up to `limit`. Reads all maps.
  public func uses(of chunks: Set<ChunkID>, limit: Int) throws(CatalogError) -> [ChunkUse] {
    guard !chunks.isEmpty else { return [] }
    return try read { (connection) throws(CatalogError) in
      var uses: [ChunkUse] = []
      try connection.statement("SELECT layer, ino, page, map FROM extent").forEach { row in
        guard uses.count < limit else { return }
        let page = row.uint64(2)
        var isFound = false
        // A map that can't be read is a finding of its own.
        try? row.withBytes(3) { (bytes) throws(ExtentCodecError) in
          try ExtentCodec.forEachChunk(in: bytes, page: page) { if chunks.contains($0) { isFound = true } }
        }
        if isFound { uses.append(ChunkUse(layer: row.uint64(0), inode: row.uint64(1), page: page)) }
      }
      return uses
    }
  }

  /// A name by which an inode is found in a directory.
  public func name(
    of inode: InodeNumber, in parent: InodeNumber, _ chain: [LayerID]
  ) throws(CatalogError) -> [UInt8]? {
    let candidates = try read { (connection) throws(CatalogError) in
      let select = try connection.statement(
        "SELECT cookie, name FROM dirent WHERE layer = ? AND parent = ? AND node = ? LIMIT 16")
      var found: [(cookie: UInt64, name: [UInt8])] = []
      for layer in chain {
        found += try select.bind(layer).bind(parent).bind(inode).all { ($0.uint64(0), $0.bytes(1)) }
      }
      return found
    }
    for (cookie, name) in candidates {
      if try entry(chain, parent, hash: cookie >> 8, name: name)?.node == inode { return name }
    }
    return nil
  }

  /// Counts the references of all chunks, the live bytes of packs and the totals anew, in one
  /// transaction. Returns how many chunks had a wrong count. Throws, and changes nothing, if a map
  /// can't be read: what it names must not be taken for garbage.
  ///
  /// - Parameters:
  ///   - lost: rows of chunks that were lost, to be put back first. One whose number or digest is there
  ///     is passed over.
  ///   - packs: the packs that these are in.
  ///   - replacements: chunks that were lost, each with the one that has its content now and takes its place in maps.
  ///   - unaccounted: how many chunks that files refer to are lost, and may be found yet. They stay in
  ///     the totals, so that ``lostChunks()`` goes on telling of them.
  public func recount(
    restoring lost: [ChunkRow] = [], packs: [PackRow] = [], replacements: [ChunkID: ChunkID] = [:],
    unaccounted: Int = 0
  ) throws(CatalogError) -> Int {
    try write { (connection) throws(CatalogError) in
      try connection.store(packs)
      let insert = try connection.statement(
        "INSERT OR IGNORE INTO chunk (id, digest, \(ChunkLocation.columns), refs) VALUES (?, ?, ?, ?, ?, ?, ?, 0)")
      for row in lost.sorted(by: { $0.id < $1.id }) {
        try insert.bind(row.id).bind(row.digest).bind(row.location).run()
      }
      if !replacements.isEmpty { try connection.replace(replacements) }
      return try connection.recount(unaccounted: unaccounted)
    }
  }

  /// How many rows of chunks that files refer to are not there, as far as sums tell: looking at all
  /// maps is what ``checkChunkTable()`` does. Reads the table of chunks.
  public func lostChunks() throws(CatalogError) -> Int64 {
    try read { (connection) throws(CatalogError) in
      let kept = try connection.readChunkTotals().count
      return Int64(clamping: kept) - (try connection.integer("SELECT count(*) FROM chunk WHERE refs > 0"))
    }
  }
}

extension Connection {
  /// Lets maps name other chunks.
  fileprivate func replace(_ replacements: [ChunkID: ChunkID]) throws(CatalogError) {
    var changed: [(layer: LayerID, inode: InodeNumber, page: UInt64, map: [UInt8])] = []
    try statement("SELECT layer, ino, page, map FROM extent").forEach { (row) throws(CatalogError) in
      let (layer, inode, page) = (row.uint64(0), row.uint64(1), row.uint64(2))
      do {
        let extents = try row.withBytes(3) { (bytes) throws(ExtentCodecError) in
          try ExtentCodec.decode(bytes, page: page)
        }
        guard let new = extents.replacing(replacements) else { return }
        changed.append((layer, inode, page, try ExtentCodec.encode(new, page: page)))
      } catch {
        throw row.damaged("the map of inode \(inode), page \(page) in layer \(layer): \(error)")
      }
    }
    let update = try statement("UPDATE extent SET map = ?4 WHERE layer = ?1 AND ino = ?2 AND page = ?3")
    for (layer, inode, page, map) in changed { try update.bind(layer).bind(inode).bind(page).bind(map).run() }
  }

  fileprivate func recount(unaccounted: Int) throws(CatalogError) -> Int {
    var findings: [String] = []
    let references = try countReferences(&findings)
    if let finding = findings.first { throw CatalogError(.damaged, "count the references of chunks", finding) }
    let update = try statement("UPDATE chunk SET refs = ? WHERE id = ?")
    var wrong: [(ChunkID, Int64)] = []
    try statement("SELECT id, refs FROM chunk").forEach { row in
      let counted = references[row.uint64(0)] ?? 0
      if counted != row.int64(1) { wrong.append((row.uint64(0), counted)) }
    }
    for (chunk, count) in wrong { try update.bind(count).bind(chunk).run() }
    try execute(
      """
      INSERT OR IGNORE INTO pack (id, bytes, live_bytes)
        SELECT pack, max(offset + stored_length), 0 FROM chunk GROUP BY pack;
      UPDATE pack SET live_bytes =
        coalesce((SELECT sum(stored_length) FROM chunk WHERE chunk.pack = pack.id AND refs > 0), 0)
      """)
    let totals = try statement(
      "SELECT count(*), coalesce(sum(length), 0), coalesce(sum(stored_length), 0) FROM chunk WHERE refs > 0"
    )
    .first { ChunkTotals(count: $0.uint64(0), uniqueBytes: $0.uint64(1), storedBytes: $0.uint64(2)) }
    if var totals {
      totals.count += UInt64(unaccounted)
      try writeMeta(totals)
    }
    return wrong.count
  }
}

extension [Extent] {
  /// The same with other chunks; nil: none of them is among these.
  public func replacing(_ replacements: [ChunkID: ChunkID]) -> [Extent]? {
    var result = self
    var isChanged = false
    for index in indices {
      guard case .chunk(let old, let offset) = self[index].content, let new = replacements[old] else { continue }
      result[index].content = .chunk(new, offset: offset)
      isChanged = true
    }
    return isChanged ? result : nil
  }
}
