import Catalog
import Chunks
import Linux
import Synchronization

/// Records that were looked for in all packs.
private struct FoundRecords {
  /// The youngest first: see ``FileSystem/rebuildChunkTable(_:_:)``.
  var records: [PackScanner.Record] = []
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
  ///
  /// Content that was stored again while its row was lost has another number since: then maps name that.
  func rebuildChunkTable(_ lost: Set<ChunkID>, _ report: inout CheckReport) throws -> Int {
    guard !lost.isEmpty else { return try betweenCheckpoints { try catalog.recount() } }
    return try withoutCollecting {
      let found = findRecords { lost.contains($0.chunk) }
      let records = Dictionary(grouping: found.records, by: \.chunk)
      let rows = records.sorted { $0.key < $1.key }.compactMap { row(of: $0.key, $0.value, &report) }
      for (pack, reason) in found.unreadable {
        report.findings.append(.init("pack \(pack) can't be searched for lost chunks: \(reason)"))
      }
      let unaccounted = found.unreadable.isEmpty ? 0 : lost.count - rows.count
      let restored = try betweenCheckpoints {
        let restored = try chunkStore.restore(rows, unaccounted: unaccounted)
        // After the maps in the catalog: one that is loaded in between has the new numbers already.
        lock.withLock { $0.replaceChunks(restored.replacements) }
        return restored
      }
      for row in restored.taken {
        report.findings.append(
          .init("chunk \(row.id) can't be put back yet, because its content is being stored: repair again"))
      }
      report.repairs.append("found \(rows.count - restored.taken.count) of \(lost.count) lost chunks in the packs")
      return restored.wrongCounts
    }
  }

  /// Stores the content of chunks that can't be read once more, where a pack has another copy of it, and takes those
  /// that can be read since from `damaged`.
  func restoreFromCopies(_ damaged: inout [ChunkID: String], _ report: inout CheckReport) {
    do {
      for chunk in try restore(Set(damaged.keys), &report) { damaged[chunk] = nil }
    } catch {
      report.findings.append(.init("damaged chunks can't be restored from copies: \(error)"))
    }
  }

  private func restore(_ damaged: Set<ChunkID>, _ report: inout CheckReport) throws -> Set<ChunkID> {
    let lost = try catalog.quarantined().map(\.row).filter { damaged.contains($0.id) }
    guard !lost.isEmpty else { return [] }
    let stored = try withoutCollecting {
      let digests = Set(lost.map(\.digest))
      let found = findRecords { digests.contains($0.digest) }
      for (pack, reason) in found.unreadable {
        report.findings.append(.init("pack \(pack) can't be searched for copies of damaged chunks: \(reason)"))
      }
      let records = Dictionary(grouping: found.records, by: \.digest)
      return try lost.filter { row in
        guard let content = content(of: records[row.digest] ?? []) else { return false }
        // It is in quarantine, and so gets its number back.
        _ = try content.withUnsafeBytes { try chunkStore.store($0) }
        return true
      }
    }
    guard !stored.isEmpty else { return [] }
    try checkpoint()
    let healed = Set(stored.map(\.id)).subtracting(try catalog.quarantined().map(\.row.id))
    report.repairs.append("stored \(healed.count) damaged chunks anew from copies in the packs")
    return healed
  }

  /// Runs `body` while no garbage is collected: that moves records, and deletes what nothing seems to refer to.
  private func withoutCollecting<Result>(_ body: () throws -> Result) throws -> Result {
    let isFree = collection.withLock { state in
      defer { state.isRunning = true }
      return !state.isRunning
    }
    guard isFree else {
      throw VolumeError(.busy, "Garbage is being collected. Repair the store when that is over.")
    }
    defer { collection.withLock { $0.isRunning = false } }
    return try body()
  }

  private func findRecords(_ isWanted: (PackScanner.Record) -> Bool) -> FoundRecords {
    var found = FoundRecords()
    for pack in chunkStore.packs.packs().reversed() {
      do {
        let scanner = try PackScanner(disk: disk, storeID: storeID, pack: pack.number)
        var records: [PackScanner.Record] = []
        // An index names what was written, whatever became of it since; of a pack without one only
        // what is proven counts.
        try scanner.scan(payloads: false) { record in
          if record.damage == nil && isWanted(record) { records.append(record) }
          return true
        }
        found.records += records.reversed()
      } catch {
        found.unreadable.append((pack.number, "\(error)"))
      }
    }
    return found
  }

  /// The content of the first record that can be read and has its digest.
  private func content(of records: [PackScanner.Record]) -> [UInt8]? {
    for record in records {
      var content = [UInt8](repeating: 0, count: Int(record.location.length))
      // What is wrong with a record is told of the chunk whose record it is.
      let isRead = content.withUnsafeMutableBytes { bytes in
        (try? chunkStore.packs.read(record.location, record.chunk, record.digest, into: bytes)) != nil
      }
      if isRead, content.withUnsafeBytes({ Digest(of: $0) }) == record.digest { return content }
    }
    return nil
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

extension State {
  /// Lets the maps in memory name other chunks, as those in the catalog do since.
  fileprivate func replaceChunks(_ replacements: [ChunkID: ChunkID]) {
    guard !replacements.isEmpty else { return }
    for node in nodes.values {
      for (number, extents) in node.pages {
        if let new = extents.replacing(replacements) { node.pages[number] = new }
      }
    }
  }
}

extension ChunkStore {
  /// Puts lost rows back into the catalog, and counts references anew. Where the content of one has another number in
  /// the catalog now, maps name that. `taken` are those whose content is pending under another number. No checkpoint
  /// may run meanwhile.
  fileprivate func restore(
    _ rows: [ChunkRow], unaccounted: Int
  ) throws -> (replacements: [ChunkID: ChunkID], taken: [ChunkRow], wrongCounts: Int) {
    let known = try catalog.existing(rows.map(\.digest))
    var replacements: [ChunkID: ChunkID] = [:]
    var taken: [ChunkRow] = []
    var free: [ChunkRow] = []
    // Pending, so that nobody who stores the same content now gives it another number.
    state.withLock { state in
      for row in rows {
        if let other = known[row.digest] {
          replacements[row.id] = other.id
        } else if state.pending[row.digest] != nil {
          taken.append(row)
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
    let wrong = try catalog.recount(
      restoring: free, packs: packRows, replacements: replacements, unaccounted: unaccounted)
    return (replacements, taken, wrong)
  }
}
