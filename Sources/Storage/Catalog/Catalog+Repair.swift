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
  public func recount() throws(CatalogError) -> Int {
    try write { (connection) throws(CatalogError) in
      var findings: [String] = []
      let references = try connection.countReferences(&findings)
      if let finding = findings.first { throw CatalogError(.damaged, "count the references of chunks", finding) }
      let update = try connection.statement("UPDATE chunk SET refs = ? WHERE id = ?")
      var wrong: [(ChunkID, Int64)] = []
      try connection.statement("SELECT id, refs FROM chunk").forEach { row in
        let counted = references[row.uint64(0)] ?? 0
        if counted != row.int64(1) { wrong.append((row.uint64(0), counted)) }
      }
      for (chunk, count) in wrong { try update.bind(count).bind(chunk).run() }
      try connection.execute(
        """
        INSERT OR IGNORE INTO pack (id, bytes, live_bytes)
          SELECT pack, max(offset + stored_length), 0 FROM chunk GROUP BY pack;
        UPDATE pack SET live_bytes =
          coalesce((SELECT sum(stored_length) FROM chunk WHERE chunk.pack = pack.id AND refs > 0), 0)
        """)
      let totals = try connection.statement(
        "SELECT count(*), coalesce(sum(length), 0), coalesce(sum(stored_length), 0) FROM chunk WHERE refs > 0"
      )
      .first { ChunkTotals(count: $0.uint64(0), uniqueBytes: $0.uint64(1), storedBytes: $0.uint64(2)) }
      if let totals { try connection.writeMeta(totals) }
      return wrong.count
    }
  }
}
