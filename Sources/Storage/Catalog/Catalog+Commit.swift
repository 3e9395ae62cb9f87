import Chunks

// Taking on a batch of changes.

extension Catalog {
  /// Takes on a batch in one transaction: when this returns it survives a power cut, when it throws
  /// nothing of it was kept.
  ///
  /// The references of chunks, the live bytes of packs and ``chunkTotals()`` follow the extents. Returns
  /// the chunks that extents of the batch name and whose rows are lost.
  @discardableResult
  public func commit(_ batch: CatalogBatch) throws(CatalogError) -> [ChunkID] {
    try write { (connection) throws(CatalogError) in
      try connection.advance(to: batch.counters)
      try connection.store(batch.packs)
      try connection.store(batch.volumes, removals: batch.volumeRemovals)
      try connection.store(batch.layers, removals: batch.layerRemovals)
      var references = ReferenceChanges()
      try connection.storeInodes(batch, &references)
      try connection.storeEntries(batch)
      try connection.storeExtents(batch, &references)
      try connection.storeAttributes(batch)
      return try references.apply(
        newChunks: batch.chunks, nextChunk: batch.counters.nextChunk, to: connection)
    }
  }
}

// Rows are written in the order of their keys: neighbours share pages, so each page of the database
// is searched, copied and logged once instead of once a row.
extension Connection {
  fileprivate func advance(to counters: Counters) throws(CatalogError) {
    let old = try readCounters()
    // A number given out twice would make two things one.
    guard counters.appliedSequence >= old.appliedSequence, counters.nextInode >= old.nextInode,
      counters.nextVolume >= old.nextVolume, counters.nextLayer >= old.nextLayer,
      counters.nextChunk >= old.nextChunk, counters.nextPack >= old.nextPack
    else {
      throw CatalogError(.failed, "commit a batch", "its counters \(counters) are behind the catalog's, \(old)")
    }
    if counters != old { try writeMeta(counters) }
  }

  func store(_ packs: [PackRow]) throws(CatalogError) {
    let upsert = try statement(
      "INSERT INTO pack (id, bytes, live_bytes) VALUES (?, ?, 0) ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes")
    for pack in packs { try upsert.bind(pack.id).bind(pack.bytes).run() }
  }

  fileprivate func store(_ volumes: [VolumeRow], removals: [VolumeID]) throws(CatalogError) {
    let delete = try statement("DELETE FROM volume WHERE id = ?")
    for volume in removals { try delete.bind(volume).run() }
    let upsert = try statement(
      "INSERT OR REPLACE INTO volume (\(VolumeRow.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    for volume in volumes { try upsert.bind(volume).run() }
  }

  fileprivate func store(_ layers: [LayerRow], removals: [LayerID]) throws(CatalogError) {
    let insert = try statement(
      "INSERT INTO layer (id, parent) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET parent = excluded.parent")
    for layer in layers {
      insert.bind(layer.id)
      if let parent = layer.parent { insert.bind(parent) } else { insert.bindNull() }
      try insert.run()
    }
    let markDead = try statement("UPDATE layer SET dead = 1 WHERE id = ?")
    for layer in removals { try markDead.bind(layer).run() }
  }

  fileprivate func storeInodes(
    _ batch: CatalogBatch, _ references: inout ReferenceChanges
  ) throws(CatalogError) {
    let removals = batch.inodeRemovals + batch.inodes.lazy.filter { $0.row.mode == 0 }.map { ($0.layer, $0.number) }
    try removeContents(of: removals, &references)
    let delete = try statement("DELETE FROM inode WHERE layer = ? AND ino = ?")
    for (layer, number) in batch.inodeRemovals.sorted(by: <) { try delete.bind(layer).bind(number).run() }
    let upsert = try statement(
      """
      INSERT OR REPLACE INTO inode (layer, ino, \(InodeRow.columns))
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """)
    let order = batch.inodes.indices.sorted {
      (batch.inodes[$0].layer, batch.inodes[$0].number) < (batch.inodes[$1].layer, batch.inodes[$1].number)
    }
    for index in order {
      let inode = batch.inodes[index]
      try upsert.bind(inode.layer).bind(inode.number).bind(inode.row).run()
    }
  }

  /// Deletes the extents and extended attributes that inodes have in a layer.
  private func removeContents(
    of inodes: [(layer: LayerID, number: InodeNumber)], _ references: inout ReferenceChanges
  ) throws(CatalogError) {
    let select = try statement("SELECT page, map FROM extent WHERE layer = ? AND ino = ?")
    let deleteExtents = try statement("DELETE FROM extent WHERE layer = ? AND ino = ?")
    let deleteAttributes = try statement("DELETE FROM xattr WHERE layer = ? AND ino = ?")
    for (layer, number) in inodes.sorted(by: <) {
      var hasExtents = false
      try select.bind(layer).bind(number).forEach { (row) throws(CatalogError) in
        hasExtents = true
        try references.remove(row, mapColumn: 1, layer, number, row.uint64(0))
      }
      if hasExtents { try deleteExtents.bind(layer).bind(number).run() }
      try deleteAttributes.bind(layer).bind(number).run()
    }
  }

  fileprivate func storeEntries(_ batch: CatalogBatch) throws(CatalogError) {
    let delete = try statement("DELETE FROM dirent WHERE layer = ? AND parent = ? AND cookie = ?")
    for (layer, parent, cookie) in batch.entryRemovals.sorted(by: <) {
      try delete.bind(layer).bind(parent).bind(cookie).run()
    }
    let upsert = try statement(
      "INSERT OR REPLACE INTO dirent (layer, parent, \(DirectoryEntry.columns)) VALUES (?, ?, ?, ?, ?, ?)")
    let order = batch.entries.indices.sorted {
      let (a, b) = (batch.entries[$0], batch.entries[$1])
      return (a.layer, a.parent, a.entry.cookie) < (b.layer, b.parent, b.entry.cookie)
    }
    for index in order {
      let (layer, parent, entry) = batch.entries[index]
      try upsert.bind(layer).bind(parent).bind(entry).run()
    }
  }

  fileprivate func storeExtents(
    _ batch: CatalogBatch, _ references: inout ReferenceChanges
  ) throws(CatalogError) {
    let select = try statement("SELECT map FROM extent WHERE layer = ? AND ino = ? AND page = ?")
    let delete = try statement("DELETE FROM extent WHERE layer = ? AND ino = ? AND page = ?")
    let upsert = try statement("INSERT OR REPLACE INTO extent (layer, ino, page, map) VALUES (?, ?, ?, ?)")
    let order = batch.extentPages.indices.sorted {
      let (a, b) = (batch.extentPages[$0], batch.extentPages[$1])
      return (a.layer, a.number, a.page) < (b.layer, b.number, b.page)
    }
    for index in order {
      let (layer, number, page, extents) = batch.extentPages[index]
      _ = try select.bind(layer).bind(number).bind(page).first { (row) throws(CatalogError) in
        try references.remove(row, mapColumn: 0, layer, number, page)
      }
      guard let extents else {
        try delete.bind(layer).bind(number).bind(page).run()
        continue
      }
      let map: [UInt8]
      do throws(ExtentCodecError) {
        map = try ExtentCodec.encode(extents, page: page)
      } catch {
        throw CatalogError(.failed, "store the map of inode \(number), page \(page) in layer \(layer)", "\(error)")
      }
      references.add(extents)
      try upsert.bind(layer).bind(number).bind(page).bind(map).run()
    }
  }

  fileprivate func storeAttributes(_ batch: CatalogBatch) throws(CatalogError) {
    let delete = try statement("DELETE FROM xattr WHERE layer = ? AND ino = ? AND name = ?")
    for (layer, number, name) in batch.attributeRemovals {
      try delete.bind(layer).bind(number).bind(name).run()
    }
    let upsert = try statement("INSERT OR REPLACE INTO xattr (layer, ino, name, value) VALUES (?, ?, ?, ?)")
    let order = batch.attributes.indices.sorted {
      (batch.attributes[$0].layer, batch.attributes[$0].number)
        < (batch.attributes[$1].layer, batch.attributes[$1].number)
    }
    for index in order {
      let (layer, number, name, value) = batch.attributes[index]
      upsert.bind(layer).bind(number).bind(name)
      if let value { upsert.bind(value) } else { upsert.bindNull() }
      try upsert.run()
    }
  }
}
