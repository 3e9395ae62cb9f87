import Chunks

// Chunks and packs: look-ups, and what the garbage collector needs.

extension Catalog {
  // MARK: Look-ups

  public func chunk(digest: Digest) throws(CatalogError) -> ChunkRow? {
    try read { (connection) throws(CatalogError) in
      try connection.statement("SELECT \(ChunkRow.columns) FROM chunk WHERE digest = ?").bind(digest)
        .first { (row) throws(CatalogError) in try ChunkRow(row) }
    }
  }

  public func chunk(id: ChunkID) throws(CatalogError) -> ChunkRow? {
    try read { (connection) throws(CatalogError) in
      try connection.statement("SELECT \(ChunkRow.columns) FROM chunk WHERE id = ?").bind(id)
        .first { (row) throws(CatalogError) in try ChunkRow(row) }
    }
  }

  /// The chunks whose numbers are in a range.
  public func chunks(_ numbers: ClosedRange<ChunkID>) throws(CatalogError) -> [ChunkRow] {
    try read { (connection) throws(CatalogError) in
      try connection.statement("SELECT \(ChunkRow.columns) FROM chunk WHERE id BETWEEN ? AND ?")
        .bind(numbers.lowerBound).bind(numbers.upperBound).all { (row) throws(CatalogError) in try ChunkRow(row) }
    }
  }

  /// The chunks of those digests that the catalog knows.
  public func existing(_ digests: some Sequence<Digest>) throws(CatalogError) -> [Digest: ChunkRow] {
    try read { (connection) throws(CatalogError) in
      let select = try connection.statement("SELECT \(ChunkRow.columns) FROM chunk WHERE digest = ?")
      var found: [Digest: ChunkRow] = [:]
      for digest in digests {
        found[digest] = try select.bind(digest).first { (row) throws(CatalogError) in try ChunkRow(row) }
      }
      return found
    }
  }

  /// Sums over the chunks that files refer to. Kept up to date by each commit, so this is quick.
  public func chunkTotals() throws(CatalogError) -> ChunkTotals {
    try read { (connection) throws(CatalogError) in
      try connection.readChunkTotals()
    }
  }

  // MARK: Garbage

  /// All packs, by number.
  public func packUsage() throws(CatalogError) -> [PackRow] {
    try read { (connection) throws(CatalogError) in
      try connection.statement("SELECT id, bytes, live_bytes FROM pack ORDER BY id")
        .all { PackRow(id: $0.uint64(0), bytes: $0.uint64(1), liveBytes: $0.uint64(2)) }
    }
  }

  /// The chunks in a pack, by offset.
  public func chunks(in pack: UInt64) throws(CatalogError) -> [ChunkRow] {
    try chunks(pack, "SELECT \(ChunkRow.columns) FROM chunk WHERE pack = ? ORDER BY offset")
  }

  /// The chunks in a pack that no file in the catalog refers to, by offset. The caller knows of
  /// files that are not in the catalog yet.
  public func deadChunks(in pack: UInt64) throws(CatalogError) -> [ChunkRow] {
    try chunks(pack, "SELECT \(ChunkRow.columns) FROM chunk WHERE pack = ? AND refs = 0 ORDER BY offset")
  }

  private func chunks(_ pack: UInt64, _ sql: String) throws(CatalogError) -> [ChunkRow] {
    try read { (connection) throws(CatalogError) in
      try connection.statement(sql).bind(pack).all { (row) throws(CatalogError) in try ChunkRow(row) }
    }
  }

  /// Deletes the rows of chunks, all or none: none if a file refers to one of them. Chunks that are
  /// not there are passed over.
  public func forget(chunks: [ChunkID]) throws(CatalogError) {
    try write { (connection) throws(CatalogError) in
      let references = try connection.statement("SELECT refs FROM chunk WHERE id = ?")
      let delete = try connection.statement("DELETE FROM chunk WHERE id = ?")
      let release = try connection.statement("DELETE FROM quarantine WHERE chunk = ?")
      for chunk in chunks.sorted() {
        let count = try references.bind(chunk).first { $0.int64(0) }
        guard count ?? 0 == 0 else {
          throw CatalogError(.failed, "forget chunk \(chunk)", "files refer to it")
        }
        try delete.bind(chunk).run()
        try release.bind(chunk).run()
      }
    }
  }

  /// Deletes the rows of packs, all or none: none if one of them has chunks.
  public func forget(packs: [UInt64]) throws(CatalogError) {
    try write { (connection) throws(CatalogError) in
      let chunk = try connection.statement("SELECT id FROM chunk WHERE pack = ? LIMIT 1")
      let delete = try connection.statement("DELETE FROM pack WHERE id = ?")
      for pack in packs.sorted() {
        if let chunk = try chunk.bind(pack).first({ $0.uint64(0) }) {
          throw CatalogError(.failed, "forget pack \(pack)", "chunk \(chunk) is in it")
        }
        try delete.bind(pack).run()
      }
    }
  }

  /// Takes on that chunks were copied elsewhere, all or none. `packs` are those that are new or
  /// grew by it. A chunk that was forgotten meanwhile makes it fail.
  public func relocate(
    _ moves: [(chunk: ChunkID, location: ChunkLocation)], packs: [PackRow] = []
  ) throws(CatalogError) {
    try write { (connection) throws(CatalogError) in
      try connection.store(packs)
      try connection.relocate(moves)
    }
  }
}

extension Connection {
  func relocate(_ moves: [(chunk: ChunkID, location: ChunkLocation)]) throws(CatalogError) {
    let select = try statement("SELECT \(ChunkLocation.columns), refs FROM chunk WHERE id = ?")
    let update = try statement(
      "UPDATE chunk SET pack = ?, offset = ?, stored_length = ?, length = ?, codec = ? WHERE id = ?")
    var live = LiveChanges()
    for (chunk, location) in moves.sorted(by: { $0.chunk < $1.chunk }) {
      let old = try select.bind(chunk).first { (row) throws(CatalogError) in
        (location: try ChunkLocation(row, first: 0), isLive: row.int64(5) > 0)
      }
      guard let old else { throw CatalogError(.failed, "relocate chunk \(chunk)", "there is no such chunk") }
      guard old.location.length == location.length else {
        throw CatalogError(
          .failed, "relocate chunk \(chunk)", "it has \(old.location.length) bytes, its copy \(location.length)")
      }
      try update.bind(location).bind(chunk).run()
      if old.isLive {
        live.remove(old.location)
        live.add(location)
      }
    }
    try live.apply(to: self)
  }
}
