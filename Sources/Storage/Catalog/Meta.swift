// The rows of the table meta.

extension Connection {
  func readCounters() throws(CatalogError) -> Counters {
    let nextVolume = try meta("next_volume")
    guard let nextVolume = VolumeID(exactly: nextVolume) else {
      throw CatalogError(.damaged, "read the counters", "next_volume is \(nextVolume)")
    }
    return Counters(
      appliedSequence: try counter("applied_sequence"), nextInode: try counter("next_inode"), nextVolume: nextVolume,
      nextLayer: try counter("next_layer"), nextChunk: try counter("next_chunk"), nextPack: try counter("next_pack"))
  }

  /// A number that is counted on from: none that a store reaches is near to where counting ends.
  private func counter(_ key: String) throws(CatalogError) -> UInt64 {
    let value = try meta(key)
    guard value < 1 << 62 else { throw CatalogError(.damaged, "read the counters", "\(key) is \(value)") }
    return value
  }

  func writeMeta(_ counters: Counters) throws(CatalogError) {
    try setMeta("applied_sequence", counters.appliedSequence)
    try setMeta("next_inode", counters.nextInode)
    try setMeta("next_volume", UInt64(counters.nextVolume))
    try setMeta("next_layer", counters.nextLayer)
    try setMeta("next_chunk", counters.nextChunk)
    try setMeta("next_pack", counters.nextPack)
  }

  func readChunkTotals() throws(CatalogError) -> ChunkTotals {
    ChunkTotals(
      count: try meta("live_chunks"), uniqueBytes: try meta("unique_bytes"), storedBytes: try meta("stored_bytes"))
  }

  func writeMeta(_ totals: ChunkTotals) throws(CatalogError) {
    try setMeta("live_chunks", totals.count)
    try setMeta("unique_bytes", totals.uniqueBytes)
    try setMeta("stored_bytes", totals.storedBytes)
  }

  private func meta(_ key: String) throws(CatalogError) -> UInt64 {
    let select = try statement("SELECT value FROM meta WHERE key = ?").bind(key)
    guard let value = try select.first({ $0.uint64(0) }) else {
      throw CatalogError(.damaged, "read the catalog's numbers", "\(key) is missing in the table meta")
    }
    return value
  }

  private func setMeta(_ key: String, _ value: UInt64) throws(CatalogError) {
    try statement("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)").bind(key).bind(value).run()
  }
}
