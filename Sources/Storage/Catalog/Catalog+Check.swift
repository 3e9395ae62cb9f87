import Chunks

extension Catalog {
  /// Looks through the whole catalog for contradictions: SQLite's own structures, maps that can't be
  /// read or name chunks that are not there, and every count that is kept. Answers a sentence for
  /// each that it finds; none: all is well.
  ///
  /// Commits go on meanwhile; it sees the state that it began with. It takes 32 bytes of memory or
  /// so for each chunk, and reads the whole file.
  public func check() throws(CatalogError) -> [String] { try checkChunkTable().findings }

  /// The same, and the chunks that maps name and that are not there.
  public func checkChunkTable() throws(CatalogError) -> (findings: [String], missing: Set<ChunkID>) {
    try read { (connection) throws(CatalogError) in
      var findings = try connection.statement("PRAGMA integrity_check").all { $0.text(0) }
      if findings == ["ok"] { findings = [] }
      let references = try connection.countReferences(&findings)
      let missing = try connection.checkChunks(references, &findings)
      return (findings, missing)
    }
  }
}

extension Connection {
  func countReferences(_ findings: inout [String]) throws(CatalogError) -> [ChunkID: Int64] {
    var references: [ChunkID: Int64] = [:]
    try statement("SELECT layer, ino, page, map FROM extent").forEach { row in
      let page = row.uint64(2)
      do {
        try row.withBytes(3) { (bytes) throws(ExtentCodecError) in
          try ExtentCodec.forEachChunk(in: bytes, page: page) { references[$0, default: 0] += 1 }
        }
      } catch {
        findings.append("the map of inode \(row.uint64(1)), page \(page) in layer \(row.uint64(0)): \(error)")
      }
    }
    return references
  }

  fileprivate func checkChunks(
    _ references: [ChunkID: Int64], _ findings: inout [String]
  ) throws(CatalogError) -> Set<ChunkID> {
    var missing = references
    var liveBytes: [UInt64: UInt64] = [:]
    var packs: Set<UInt64> = []
    var totals = ChunkTotals()
    try statement("SELECT \(ChunkRow.columns), refs FROM chunk").forEach { (row) throws(CatalogError) in
      let chunk = try ChunkRow(row)
      let kept = row.int64(7)
      let counted = missing.removeValue(forKey: chunk.id) ?? 0
      if kept != counted { findings.append("chunk \(chunk.id) has \(kept) references, but \(counted) are found") }
      packs.insert(chunk.location.pack)
      guard counted > 0 else { return }
      liveBytes[chunk.location.pack, default: 0] += UInt64(chunk.location.storedLength)
      totals.count += 1
      totals.uniqueBytes += UInt64(chunk.location.length)
      totals.storedBytes += UInt64(chunk.location.storedLength)
    }
    for (chunk, count) in missing.sorted(by: { $0.key < $1.key }) {
      findings.append("chunk \(chunk) is referred to \(count) times, but is not there")
    }
    try statement("SELECT id, live_bytes FROM pack").forEach { row in
      let pack = row.uint64(0)
      let counted = liveBytes[pack] ?? 0
      if row.uint64(1) != counted {
        findings.append("pack \(pack) has \(row.uint64(1)) live bytes, but \(counted) are found")
      }
      packs.remove(pack)
    }
    for pack in packs.sorted() { findings.append("pack \(pack) has chunks, but is not there") }
    let kept = try readChunkTotals()
    if kept != totals { findings.append("the totals of chunks are kept as \(kept), but \(totals) are found") }
    return Set(missing.keys)
  }
}
