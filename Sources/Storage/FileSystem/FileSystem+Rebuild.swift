import Catalog
import Chunks
import Linux
import Synchronization

/// Where the records of lost chunks lie.
private struct LostChunks {
  /// Best first: see ``FileSystem/rebuildChunkTable(_:_:)``.
  var records: [ChunkID: [PackScanner.Record]] = [:]
  /// Packs that could not be looked at, with the reasons.
  var unreadable: [(pack: UInt64, reason: String)] = []
}

extension FileSystem {
  /// Puts the rows of lost chunks back, which are found by their numbers in the packs, and counts
  /// references anew. Returns how many chunks had a wrong count.
  ///
  /// All records of one number have the same content. The youngest, in the pack with the highest number
  /// and there at the highest offset, comes first: older ones lie in packs that are being emptied, or
  /// were damaged and stored anew. The first that can be read and has its digest wins. If none has,
  /// the first gets its row all the same: it goes into quarantine, and content like it heals the files.
  func rebuildChunkTable(_ lost: Set<ChunkID>, _ report: inout CheckReport) throws -> Int {
    guard !lost.isEmpty else { return try betweenCheckpoints { try catalog.recount() } }
    // The collector moves records, and deletes what nothing seems to refer to.
    let isFree = collection.withLock { state in
      defer { state.isRunning = true }
      return !state.isRunning
    }
    guard isFree else {
      throw VolumeError(.busy, "Garbage is being collected. Repair the store when that is over.")
    }
    defer { collection.withLock { $0.isRunning = false } }

    let found = recordsOfChunks(lost)
    let rows = found.records.keys.sorted().compactMap { row(of: $0, found.records[$0] ?? [], &report) }
    for (pack, reason) in found.unreadable {
      report.findings.append(.init("pack \(pack) can't be searched for lost chunks: \(reason)"))
    }
    let unaccounted = found.unreadable.isEmpty ? 0 : lost.count - rows.count
    let (restored, wrong) = try betweenCheckpoints { try chunkStore.restore(rows, unaccounted: unaccounted) }
    for (row, other) in restored.taken {
      report.findings.append(
        .init("chunk \(row.id) can't be put back, because its content has been stored as chunk \(other) since"))
    }
    report.repairs.append("found \(rows.count - restored.taken.count) of \(lost.count) lost chunks in the packs")
    return wrong
  }

  private func recordsOfChunks(_ lost: Set<ChunkID>) -> LostChunks {
    var found = LostChunks()
    for pack in chunkStore.packs.packs().reversed() {
      do {
        let scanner = try PackScanner(disk: disk, storeID: storeID, pack: pack.number)
        var records: [PackScanner.Record] = []
        // An index names what was written, whatever became of it since; of a pack without one only
        // what is proven counts.
        try scanner.scan(payloads: false) { record in
          if lost.contains(record.chunk) && record.damage == nil { records.append(record) }
          return true
        }
        for record in records.reversed() { found.records[record.chunk, default: []].append(record) }
      } catch {
        found.unreadable.append((pack.number, "\(error)"))
      }
    }
    return found
  }

  /// The row that a chunk gets back.
  private func row(of chunk: ChunkID, _ records: [PackScanner.Record], _ report: inout CheckReport) -> ChunkRow? {
    guard let first = records.first else { return nil }
    guard records.allSatisfy({ $0.digest == first.digest }) else {
      report.findings.append(
        .init("chunk \(chunk) can't be put back, because packs have records of different content for it"))
      return nil
    }
    let best = records.first { record in
      (try? chunkStore.packs.reader(record.location.pack).verify(record.location, chunk, record.digest)) != nil
    }
    return ChunkRow(id: chunk, digest: first.digest, location: (best ?? first).location)
  }
}

extension ChunkStore {
  /// Puts lost rows back into the catalog, except those whose content has another number now, and counts
  /// references anew. No checkpoint may run meanwhile.
  func restore(
    _ rows: [ChunkRow], unaccounted: Int
  ) throws -> (restored: (rows: [ChunkRow], taken: [(row: ChunkRow, by: ChunkID)]), wrongCounts: Int) {
    let known = try catalog.existing(rows.map(\.digest))
    var taken: [(row: ChunkRow, by: ChunkID)] = []
    var free: [ChunkRow] = []
    // Pending, so that nobody who stores the same content now gives it another number.
    state.withLock { state in
      for row in rows {
        if let other = known[row.digest]?.id ?? state.pending[row.digest]?.id {
          taken.append((row, other))
        } else {
          state.pending[row.digest] = row
          state.pendingByID[row.id] = row.digest
          free.append(row)
        }
      }
    }
    defer { settle(free) }
    let numbers = Set(free.map(\.location.pack))
    let packRows = packs.packs().filter { numbers.contains($0.number) }.map { PackRow(id: $0.number, bytes: $0.bytes) }
    let wrong = try catalog.recount(restoring: free, packs: packRows, unaccounted: unaccounted)
    return ((free, taken), wrong)
  }
}
