import Chunks

/// How often a transaction makes chunks be referred to more (or, below 0, less) than before it.
struct ReferenceChanges {
  private var changes: [ChunkID: Int64] = [:]

  /// Counts a page's extents that come into the catalog.
  mutating func add(_ extents: [Extent]) {
    for extent in extents {
      if case .chunk(let chunk, _) = extent.content { changes[chunk, default: 0] += 1 }
    }
  }

  /// Counts the map in a row that leaves the catalog.
  mutating func remove(
    _ row: Row, mapColumn: Int32, _ layer: LayerID, _ number: InodeNumber, _ page: UInt64
  ) throws(CatalogError) {
    do {
      try row.withBytes(mapColumn) { (bytes) throws(ExtentCodecError) in
        try ExtentCodec.forEachChunk(in: bytes, page: page) { changes[$0, default: 0] -= 1 }
      }
    } catch {
      throw row.damaged("the map of inode \(number), page \(page) in layer \(layer): \(error)")
    }
  }

  /// Inserts the rows of new chunks and changes the counts of the others; packs and totals follow.
  /// Returns the chunks that maps name now and whose rows are lost: the damage is that of the files
  /// that name them, so nobody else's changes may wait for its repair. Throws for a number from
  /// `nextChunk` on, which was never given out.
  consuming func apply(
    newChunks: [ChunkRow], nextChunk: ChunkID, to connection: Connection
  ) throws(CatalogError) -> [ChunkID] {
    var changes = self.changes
    var lost: [ChunkID] = []
    var live = LiveChanges()
    // One by one in the order of their numbers: that is the order of the table.
    let insert = try connection.statement(
      """
      INSERT INTO chunk (id, digest, \(ChunkLocation.columns), refs) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      """)
    for chunk in newChunks.sorted(by: { $0.id < $1.id }) {
      let references = changes.removeValue(forKey: chunk.id) ?? 0
      try insert.bind(chunk.id).bind(chunk.digest).bind(chunk.location).bind(references).run()
      if references > 0 { live.add(chunk.location) }
    }
    let select = try connection.statement("SELECT refs, \(ChunkLocation.columns) FROM chunk WHERE id = ?")
    let update = try connection.statement("UPDATE chunk SET refs = ? WHERE id = ?")
    for (chunk, change) in changes.sorted(by: { $0.key < $1.key }) where change != 0 {
      let old = try select.bind(chunk).first { (row) throws(CatalogError) in
        (references: row.int64(0), location: try ChunkLocation(row, first: 1))
      }
      if old == nil && change < 0 { continue }
      guard let old else {
        guard chunk < nextChunk else {
          throw CatalogError(.damaged, "count references to chunk \(chunk)", "there never was such a chunk")
        }
        lost.append(chunk)
        continue
      }
      let (references, overflow) = old.references.addingReportingOverflow(change)
      guard references >= 0, !overflow else {
        throw CatalogError(
          .damaged, "count references to chunk \(chunk)", "\(old.references) were counted, and now \(change) more")
      }
      try update.bind(references).bind(chunk).run()
      if old.references == 0 { live.add(old.location) }
      if references == 0 { live.remove(old.location) }
    }
    try live.apply(to: connection)
    return lost
  }
}

/// What a transaction changes in the sums over chunks that are referred to.
struct LiveChanges {
  private var packs: [UInt64: Int64] = [:]
  private var count: Int64 = 0
  private var uniqueBytes: Int64 = 0
  private var storedBytes: Int64 = 0

  mutating func add(_ chunk: ChunkLocation) { count(chunk, 1) }
  mutating func remove(_ chunk: ChunkLocation) { count(chunk, -1) }

  private mutating func count(_ chunk: ChunkLocation, _ times: Int64) {
    packs[chunk.pack, default: 0] += times * Int64(chunk.storedLength)
    count += times
    uniqueBytes += times * Int64(chunk.length)
    storedBytes += times * Int64(chunk.storedLength)
  }

  /// To be called after the rows of the chunks have changed: the row of a pack that was lost is made
  /// anew from them.
  consuming func apply(to connection: Connection) throws(CatalogError) {
    guard !packs.isEmpty else { return }
    let update = try connection.statement("UPDATE pack SET live_bytes = live_bytes + ? WHERE id = ?")
    let insert = try connection.statement(
      """
      INSERT INTO pack (id, bytes, live_bytes)
        SELECT pack, max(offset + stored_length), sum(CASE WHEN refs > 0 THEN stored_length ELSE 0 END)
        FROM chunk WHERE pack = ? GROUP BY pack
      """)
    for (pack, change) in packs.sorted(by: { $0.key < $1.key }) {
      try update.bind(change).bind(pack).run()
      if connection.changes == 0 { try insert.bind(pack).run() }
    }
    var totals = try connection.readChunkTotals()
    totals.count &+= UInt64(bitPattern: count)
    totals.uniqueBytes &+= UInt64(bitPattern: uniqueBytes)
    totals.storedBytes &+= UInt64(bitPattern: storedBytes)
    try connection.writeMeta(totals)
  }
}
