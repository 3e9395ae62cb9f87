// Look-ups of volumes and files. `chain` is a volume's stack of layers, the top first.

extension Catalog {
  // MARK: Store

  public func counters() throws(CatalogError) -> Counters {
    try read { (connection) throws(CatalogError) in
      try connection.readCounters()
    }
  }

  /// All volumes, by number.
  public func volumes() throws(CatalogError) -> [VolumeRow] {
    try read { (connection) throws(CatalogError) in
      try connection.statement("SELECT \(VolumeRow.columns) FROM volume ORDER BY id")
        .all { (row) throws(CatalogError) in try VolumeRow(row) }
    }
  }

  /// All layers that are not dead, by number.
  public func layers() throws(CatalogError) -> [LayerRow] {
    try read { (connection) throws(CatalogError) in
      try connection.statement("SELECT id, parent FROM layer WHERE dead = 0 ORDER BY id")
        .all { LayerRow(id: $0.uint64(0), parent: $0.isNull(1) ? nil : $0.uint64(1)) }
    }
  }

  // MARK: Inodes

  public func inode(_ chain: [LayerID], _ number: InodeNumber) throws(CatalogError) -> InodeRow? {
    try firstRow(
      chain, "SELECT \(InodeRow.columns) FROM inode WHERE layer = ? AND ino = ?",
      { $0.bind(number) }, { (row) throws(CatalogError) in try InodeRow.living(row) })
  }

  /// An inode and, where it is short, its map of the file's first page.
  public struct InodeWithMap {
    public var number: InodeNumber
    public var row: InodeRow
    /// nil: to be asked for by ``Catalog/extentPage(_:_:page:)``.
    public var firstPage: [Extent]?
  }

  /// The inodes in a layer whose numbers are in a range, with the maps that most of them are read by.
  public func inodes(_ layer: LayerID, _ numbers: ClosedRange<InodeNumber>) throws(CatalogError) -> [InodeWithMap] {
    try read { (connection) throws(CatalogError) in
      var found: [InodeWithMap] = []
      try connection.statement(
        """
        SELECT \(InodeRow.columns), inode.ino, map FROM inode LEFT JOIN extent
          ON extent.layer = inode.layer AND extent.ino = inode.ino AND page = 0 AND length(map) <= 1024
        WHERE inode.layer = ? AND inode.ino BETWEEN ? AND ?
        """
      )
      .bind(layer).bind(numbers.lowerBound).bind(numbers.upperBound)
      .forEach { (row) throws(CatalogError) in
        guard let inode = try InodeRow.living(row) else { return }
        let number = row.uint64(13)
        let map = row.isNull(14) ? nil : try Self.decode(row, column: 14, number, 0)
        found.append(InodeWithMap(number: number, row: inode, firstPage: map))
      }
      return found
    }
  }

  /// The inodes in a layer that no name leads to and that were not deleted: after a crash, nobody
  /// has them open any more.
  public func unlinkedInodes(_ layer: LayerID) throws(CatalogError) -> [InodeNumber] {
    try read { (connection) throws(CatalogError) in
      // By itself SQLite goes through all inodes of the layer, three seconds for ten million.
      try connection.statement(
        "SELECT ino FROM inode INDEXED BY inode_unlinked WHERE layer = ? AND link_count = 0 AND mode <> 0 ORDER BY ino"
      )
      .bind(layer).all { $0.uint64(0) }
    }
  }

  // MARK: Directories

  /// The entry of a name whose hash, the cookie without its lowest 8 bits, is `hash`.
  public func entry(
    _ chain: [LayerID], _ parent: InodeNumber, hash: UInt64, name: [UInt8]
  ) throws(CatalogError) -> DirectoryEntry? {
    try firstRow(
      chain,
      """
      SELECT \(DirectoryEntry.columns) FROM dirent
      WHERE layer = ? AND parent = ? AND cookie BETWEEN ? AND ? AND name = ?
      """,
      { $0.bind(parent).bind(hash << 8).bind(hash << 8 | 255).bind(name) },
      { (row) throws(CatalogError) in
        let entry = try DirectoryEntry(row)
        return entry.node == 0 ? nil : entry
      })
  }

  /// The cookies of one hash that any layer has a row for, removed names included, in order. A new
  /// name must take another, except for one that has a row already: see ``knownCookie(_:_:hash:name:)``.
  public func usedCookies(
    _ chain: [LayerID], _ parent: InodeNumber, hash: UInt64
  ) throws(CatalogError) -> [UInt64] {
    try read { (connection) throws(CatalogError) in
      let select = try connection.statement(
        "SELECT cookie FROM dirent WHERE layer = ? AND parent = ? AND cookie BETWEEN ? AND ?")
      var cookies: Set<UInt64> = []
      for layer in chain {
        try select.bind(layer).bind(parent).bind(hash << 8).bind(hash << 8 | 255)
          .forEach { cookies.insert($0.uint64(0)) }
      }
      return cookies.sorted()
    }
  }

  /// The cookie that a name has in any layer, even one that removed it: the name must keep it, or
  /// the removal would not hide it, and it would appear twice.
  public func knownCookie(
    _ chain: [LayerID], _ parent: InodeNumber, hash: UInt64, name: [UInt8]
  ) throws(CatalogError) -> UInt64? {
    try firstRow(
      chain, "SELECT cookie FROM dirent WHERE layer = ? AND parent = ? AND cookie BETWEEN ? AND ? AND name = ?",
      { $0.bind(parent).bind(hash << 8).bind(hash << 8 | 255).bind(name) }, { $0.uint64(0) })
  }

  /// Up to `limit` entries of a directory whose cookies are above `cookie`, in the cookies' order.
  /// Fewer only at the end. Any number will do as the cookie: programs may seek anywhere.
  public func entries(
    _ chain: [LayerID], _ parent: InodeNumber, after cookie: UInt64, limit: Int
  ) throws(CatalogError) -> [DirectoryEntry] {
    guard cookie < UInt64(Int64.max) else { return [] }
    return try merged(
      chain, from: cookie + 1, limit: limit,
      """
      SELECT \(DirectoryEntry.columns) FROM dirent WHERE layer = ? AND parent = ? AND cookie >= ?
      ORDER BY cookie LIMIT ?
      """,
      { $0.bind(parent) }, { (row) throws(CatalogError) in try DirectoryEntry(row) },
      key: \.cookie, isRemoval: { $0.node == 0 })
  }

  // MARK: Extents

  /// The extents in one page of a file, with absolute offsets. nil: no layer has a row; empty: the
  /// page is a hole.
  public func extentPage(
    _ chain: [LayerID], _ number: InodeNumber, page: UInt64
  ) throws(CatalogError) -> [Extent]? {
    try firstRow(
      chain, "SELECT map FROM extent WHERE layer = ? AND ino = ? AND page = ?",
      { $0.bind(number).bind(page) },
      { (row) throws(CatalogError) in try Self.decode(row, column: 0, number, page) })
  }

  /// The last page of a file that any layer has a row for, be it one that says hole.
  public func lastExtentPage(_ chain: [LayerID], _ number: InodeNumber) throws(CatalogError) -> UInt64? {
    try read { (connection) throws(CatalogError) in
      let select = try connection.statement(
        "SELECT page FROM extent WHERE layer = ? AND ino = ? ORDER BY page DESC LIMIT 1")
      var last: UInt64?
      for layer in chain {
        if let page = try select.bind(layer).bind(number).first({ $0.uint64(0) }) { last = max(last ?? 0, page) }
      }
      return last
    }
  }

  /// Up to `limit` pages of a file, from `page` on, that any layer has a row for, in order; those
  /// that are holes are among them, with no extents. Fewer only at the end.
  public func extentPages(
    _ chain: [LayerID], _ number: InodeNumber, from page: UInt64, limit: Int
  ) throws(CatalogError) -> [(page: UInt64, extents: [Extent])] {
    guard page < ExtentCodec.pageLimit else { return [] }
    return try merged(
      chain, from: page, limit: limit,
      "SELECT page, map FROM extent WHERE layer = ? AND ino = ? AND page >= ? ORDER BY page LIMIT ?",
      { $0.bind(number) },
      { (row) throws(CatalogError) in
        (page: row.uint64(0), extents: try Self.decode(row, column: 1, number, row.uint64(0)))
      },
      key: { $0.page }, isRemoval: { _ in false })
  }

  private static func decode(
    _ row: Row, column: Int32, _ number: InodeNumber, _ page: UInt64
  ) throws(CatalogError) -> [Extent] {
    do {
      return try row.withBytes(column) { (bytes) throws(ExtentCodecError) in
        try ExtentCodec.decode(bytes, page: page)
      }
    } catch {
      throw row.damaged("the map of inode \(number), page \(page): \(error)")
    }
  }

  // MARK: Extended attributes

  public func attribute(
    _ chain: [LayerID], _ number: InodeNumber, name: [UInt8]
  ) throws(CatalogError) -> [UInt8]? {
    try firstRow(
      chain, "SELECT value FROM xattr WHERE layer = ? AND ino = ? AND name = ?",
      { $0.bind(number).bind(name) }, { $0.isNull(0) ? nil : $0.bytes(0) })
  }

  /// The names of an inode's extended attributes, sorted by their bytes.
  public func attributeNames(_ chain: [LayerID], _ number: InodeNumber) throws(CatalogError) -> [[UInt8]] {
    try read { (connection) throws(CatalogError) in
      let select = try connection.statement("SELECT name, value IS NULL FROM xattr WHERE layer = ? AND ino = ?")
      var isRemoved: [[UInt8]: Bool] = [:]
      for layer in chain {
        try select.bind(layer).bind(number).forEach { row in
          let name = row.bytes(0)
          if isRemoved[name] == nil { isRemoved[name] = row.int64(1) != 0 }
        }
      }
      return isRemoved.filter { !$0.value }.keys.sorted { $0.lexicographicallyPrecedes($1) }
    }
  }

  // MARK: Chains

  /// What `value` makes of the first row that `sql` finds, from the top layer down; nil where there
  /// is none. The first parameter of `sql` is the layer, `bind` sets the others.
  private func firstRow<Value>(
    _ chain: [LayerID], _ sql: String, _ bind: (Statement) -> Statement,
    _ value: (Row) throws(CatalogError) -> Value?
  ) throws(CatalogError) -> Value? {
    try read { (connection) throws(CatalogError) in
      let select = try connection.statement(sql)
      for layer in chain {
        if let found = try bind(select.bind(layer)).first(value) { return found }
      }
      return nil
    }
  }

  /// Merges the rows that `sql` finds in the layers, in the order of their keys; of those with one
  /// key the top one counts, and is left out if it is a removal. The parameters of `sql` are the
  /// layer, what `bind` sets, the lowest key and the most rows.
  private func merged<Value>(
    _ chain: [LayerID], from first: UInt64, limit: Int, _ sql: String, _ bind: (Statement) -> Statement,
    _ value: (Row) throws(CatalogError) -> Value, key: (Value) -> UInt64, isRemoval: (Value) -> Bool
  ) throws(CatalogError) -> [Value] {
    try read { (connection) throws(CatalogError) in
      let select = try connection.statement(sql)
      var merge = LayerMerge<Value>(limit: limit)
      var layers = chain.map { LayerMerge<Value>.Cursor(layer: $0, next: first) }
      while true {
        for index in layers.indices where layers[index].needsRows {
          let rows = try bind(select.bind(layers[index].layer)).bind(layers[index].next)
            .bind(UInt64(limit)).all(value)
          layers[index].refill(rows, isEnd: rows.count < limit, key: key)
        }
        if merge.advance(&layers, key: key, isRemoval: isRemoval) { return merge.values }
      }
    }
  }
}
