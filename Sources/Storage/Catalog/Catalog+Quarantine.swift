import Chunks

/// A chunk whose record was found damaged or missing.
public struct QuarantinedChunk: Equatable, Sendable {
  public var row: ChunkRow
  /// Nanoseconds since 1970.
  public var found: Int64
  public var reason: String

  public init(row: ChunkRow, found: Int64, reason: String) {
    self.row = row
    self.found = found
    self.reason = reason
  }
}

// Chunks that can't be read, remembered until they can again, or nothing refers to them.

extension Catalog {
  /// All chunks in quarantine, by number.
  public func quarantined() throws(CatalogError) -> [QuarantinedChunk] {
    try read { (connection) throws(CatalogError) in
      try connection.statement(
        """
        SELECT \(ChunkRow.columns), found, reason FROM chunk JOIN quarantine ON quarantine.chunk = chunk.id ORDER BY id
        """
      )
      .all { (row) throws(CatalogError) in
        QuarantinedChunk(row: try ChunkRow(row), found: row.int64(7), reason: row.text(8))
      }
    }
  }

  /// Remembers that a chunk can't be read; nothing if there is no such chunk.
  public func quarantine(_ chunk: ChunkID, found: Int64, reason: String) throws(CatalogError) {
    try write { (connection) throws(CatalogError) in
      try connection.statement(
        "INSERT OR IGNORE INTO quarantine (chunk, found, reason) SELECT id, ?2, ?3 FROM chunk WHERE id = ?1"
      )
      .bind(chunk).bind(found).bind(reason).run()
    }
  }

  /// The chunks can be read after all.
  public func release(_ chunks: [ChunkID]) throws(CatalogError) {
    try write { (connection) throws(CatalogError) in try connection.release(chunks) }
  }

  /// Takes on that chunks in quarantine were stored once more: files that refer to them are whole again.
  public func heal(
    _ moves: [(chunk: ChunkID, location: ChunkLocation)], packs: [PackRow]
  ) throws(CatalogError) {
    try write { (connection) throws(CatalogError) in
      try connection.store(packs)
      try connection.relocate(moves)
      try connection.release(moves.map(\.chunk))
    }
  }
}

extension Connection {
  fileprivate func release(_ chunks: [ChunkID]) throws(CatalogError) {
    let delete = try statement("DELETE FROM quarantine WHERE chunk = ?")
    for chunk in chunks.sorted() { try delete.bind(chunk).run() }
  }
}
