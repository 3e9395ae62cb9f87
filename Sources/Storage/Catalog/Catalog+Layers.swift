// Removing layers that no volume sees any more, a little at a time.

extension Catalog {
  /// Layers that a batch removed and whose rows are not all gone, by number: after a restart too.
  public func deadLayers() throws(CatalogError) -> [LayerID] {
    try read { (connection) throws(CatalogError) in
      try connection.statement("SELECT id FROM layer WHERE dead = 1 ORDER BY id").all { $0.uint64(0) }
    }
  }

  /// Deletes up to `limit` rows of a dead layer in one transaction, and says whether that was all;
  /// the row of the layer goes last. Call it again until it is: a commit waits for one call at most.
  ///
  /// Throws, and removes nothing, when the layer is not dead. A layer that is not there is done.
  public func removeLayer(_ layer: LayerID, limit: Int) throws(CatalogError) -> Bool {
    precondition(limit >= 1)
    return try write { (connection) throws(CatalogError) in
      let isDead = try connection.statement("SELECT dead FROM layer WHERE id = ?").bind(layer)
        .first { $0.int64(0) != 0 }
      guard let isDead else { return true }
      guard isDead else {
        throw CatalogError(.failed, "remove layer \(layer)", "it is in use; a batch has to remove it first")
      }
      var rest = limit - (try connection.removeExtents(of: layer, limit: limit))
      for (table, key) in [("xattr", "ino, name"), ("dirent", "parent, cookie"), ("inode", "ino")] where rest > 0 {
        try connection.statement(
          """
          DELETE FROM \(table) WHERE layer = ?1 AND (\(key)) IN
          (SELECT \(key) FROM \(table) WHERE layer = ?1 ORDER BY \(key) LIMIT ?2)
          """
        )
        .bind(layer).bind(UInt64(rest)).run()
        rest -= connection.changes
      }
      guard rest > 0 else { return false }
      try connection.statement("DELETE FROM layer WHERE id = ?").bind(layer).run()
      return true
    }
  }
}

extension Connection {
  /// Deletes up to `limit` rows of the layer from extent, gives their references back, and says how
  /// many there were.
  fileprivate func removeExtents(of layer: LayerID, limit: Int) throws(CatalogError) -> Int {
    var references = ReferenceChanges()
    var count = 0
    var last: (number: InodeNumber, page: UInt64) = (0, 0)
    try statement("SELECT ino, page, map FROM extent WHERE layer = ? ORDER BY ino, page LIMIT ?")
      .bind(layer).bind(UInt64(limit))
      .forEach { (row) throws(CatalogError) in
        last = (row.uint64(0), row.uint64(1))
        try references.remove(row, mapColumn: 2, layer, last.number, last.page)
        count += 1
      }
    guard count > 0 else { return 0 }
    try statement("DELETE FROM extent WHERE layer = ? AND (ino, page) <= (?, ?)")
      .bind(layer).bind(last.number).bind(last.page).run()
    // Nothing but removals, so none can be lost.
    _ = try references.apply(newChunks: [], nextChunk: 0, to: self)
    return count
  }
}
