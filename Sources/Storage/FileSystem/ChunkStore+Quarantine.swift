import Catalog
import Chunks
import Glibc
import Linux

extension ChunkError {
  /// Whether it says that the bytes of a chunk are lost, as far as one can tell: not that there is no
  /// memory, say.
  var isDamage: Bool {
    switch self {
    case .damaged, .missing: true
    case .disk(let error): error.code == EIO
    case .inUse, .closed: false
    }
  }
}

extension ChunkStore {
  /// The chunk's row as it is now, if it has another place than in `row`.
  func moved(_ row: ChunkRow) throws -> ChunkRow? {
    forgetPlaces([row.id])
    let now = try self.row(row.id)
    return now.location == row.location ? nil : now
  }

  /// Keeps new content from being shared with a chunk that could not be read.
  ///
  /// One that is pending is left alone: what comes of it is seen when it is read from the catalog.
  func quarantine(_ row: ChunkRow, _ error: ChunkError) {
    guard error.isDamage else { return }
    let isNew = state.withLock { state in
      guard state.pendingByID[row.id] == nil, state.quarantined[row.digest] == nil else { return false }
      state.quarantined[row.digest] = row
      state.version += 1
      return true
    }
    guard isNew else { return }
    report("chunk \(row.id) is in quarantine: \(error)")
    do {
      try catalog.quarantine(row.id, found: nanosecondsNow(), reason: "\(error)")
    } catch {
      // In memory it is remembered; after a restart the next read finds it again.
      report("keeping the quarantine of chunk \(row.id): \(error)")
    }
  }

  /// Whether a chunk can't be read.
  func isQuarantined(_ row: ChunkRow) -> Bool {
    state.withLock { !$0.quarantined.isEmpty && $0.quarantined[row.digest] != nil && $0.pendingByID[row.id] == nil }
  }

  /// Ends the quarantine of a chunk that could be read after all, as when a disk was away for a moment. All of
  /// its record is verified first: what was read may have been a part of it, or a copy in memory.
  func releaseIfWhole(_ row: ChunkRow) {
    do {
      try packs.reader(row.location.pack).verify(row.location, row.id, row.digest)
      try release([row])
      report("chunk \(row.id) can be read again, and has left quarantine")
    } catch {
      // It stays where it is: its files can be read as far as they can.
    }
  }

  var quarantinedCount: Int { state.withLock { $0.quarantined.count } }

  /// Chunks in quarantine that were read, and verified, after all.
  func release(_ rows: [ChunkRow]) throws(CatalogError) {
    try catalog.release(rows.map(\.id))
    state.withLock { state in
      // One that was stored anew meanwhile stays, until a checkpoint has taken that on.
      for row in rows where state.pendingByID[row.id] == nil { state.quarantined[row.digest] = nil }
      state.version += 1
    }
  }
}
