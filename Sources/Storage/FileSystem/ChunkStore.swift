import Catalog
import Chunks
import Linux

/// Chunks by number: stores new content once, and reads it back verified. Thread-safe.
///
/// A chunk that is stored is *pending* until a checkpoint has made its pack durable and put its row
/// into the catalog.
///
/// One whose record can't be read goes into *quarantine*: its files can't be read, and content like
/// it is stored anew, in the place of the old record.
final class ChunkStore: Sendable {
  let packs: PackStore
  let parameters: ChunkParameters
  let catalog: Catalog
  private let cache: ChunkCache
  let state: Monitor<State>
  /// Told what a program can't be told.
  let report: @Sendable (String) -> Void

  struct State {
    var next: ChunkID
    var pending: [Digest: ChunkRow] = [:]
    var pendingByID: [ChunkID: Digest] = [:]
    /// Rows of chunks read lately, so that a read need not ask the catalog; emptied when it is full.
    var rows: [ChunkID: ChunkRow] = [:]
    /// Chunks that can't be read. One that is pending as well was stored anew.
    var quarantined: [Digest: ChunkRow] = [:]
    /// Counts changes of what the catalog has, and of the quarantine: an answer from before one may be
    /// wrong.
    var version: UInt64 = 0
    var deletion = Deletion()
  }

  /// Some 20 MiB.
  private static let mostRows = 200_000

  init(
    packs: PackStore, catalog: Catalog, parameters: ChunkParameters, nextChunk: ChunkID, cacheBytes: Int,
    report: @escaping @Sendable (String) -> Void
  ) throws(CatalogError) {
    self.packs = packs
    self.parameters = parameters
    self.catalog = catalog
    cache = ChunkCache(capacityBytes: cacheBytes)
    self.report = report
    // A record that a killed process left, and that no catalog names, has had its number all the same.
    var state = State(next: max(nextChunk, packs.nextChunk))
    for chunk in try catalog.quarantined() { state.quarantined[chunk.row.digest] = chunk.row }
    self.state = Monitor(state)
  }

  var hasPending: Bool { state.withLock { !$0.pending.isEmpty } }

  /// Whether the catalog lacks one of these chunks as yet.
  func isAnyPending(_ chunks: [ChunkID]) -> Bool {
    state.withLock { state in chunks.contains { state.pendingByID[$0] != nil } }
  }

  var nextChunk: ChunkID { state.withLock { $0.next } }

  /// Stores content, or finds that it is stored already. Returns the chunk's number. A chunk that is
  /// `promised` stays for an hour, whether or not anything refers to it.
  func store(
    _ content: UnsafeRawBufferPointer, promised: Bool = false
  ) throws -> (id: ChunkID, digest: Digest) {
    let digest = Digest(of: content)
    let ticket = state.withLock { $0.deletion.beginStore() }
    defer {
      state.withLock { $0.deletion.endStore(ticket) }
      state.wakeAll()
    }
    var stored: ChunkRow?
    while true {
      let found = try find(digest, promised: promised)
      if let row = found.row { return (row.id, digest) }
      // What is in quarantine keeps its number, so that the files that refer to it are whole again.
      let number = found.quarantined ?? stored?.id ?? state.withLock { $0.takeNumber() }
      if stored?.id != number {
        stored = ChunkRow(id: number, digest: digest, location: try packs.append(digest, number, content))
      }
      guard let new = stored else { continue }
      // Another thread may have stored the same content meanwhile: its copy is used, and this one, of
      // another number, is garbage.
      let id = state.withLock { $0.version == found.version ? $0.add(new, promised: promised) : nil }
      if let id { return (id, digest) }
    }
  }

  /// The row of content that is stored and can be read, else the number that it has in quarantine, and
  /// the version of the state that this is true of.
  private func find(
    _ digest: Digest, promised: Bool
  ) throws(CatalogError) -> (row: ChunkRow?, quarantined: ChunkID?, version: UInt64) {
    while true {
      let (known, quarantined, version) = state.withLock { state in
        let row = state.pending[digest]
        if promised, let row { state.deletion.promise(row.id) }
        return (row, state.quarantined[digest]?.id, state.version)
      }
      if known != nil || quarantined != nil { return (known, quarantined, version) }
      guard let row = try catalog.chunk(digest: digest) else { return (nil, nil, version) }
      if claim([row.id], version, promised: promised) { return (row, nil, version) }
    }
  }

  /// The rows of chunks that the catalog does not have yet, with the packs they are in. All of them
  /// are durable when this returns.
  /// Those among them that were stored anew, and are in the catalog already, come by themselves.
  func makePendingDurable() throws(ChunkError) -> (chunks: [ChunkRow], healed: [ChunkRow], packs: [PackRow]) {
    let (rows, quarantined) = state.withLock { state in
      (Array(state.pending.values), Set(state.quarantined.isEmpty ? [] : state.quarantined.values.map(\.id)))
    }
    guard !rows.isEmpty else { return ([], [], []) }
    try packs.sync()
    let numbers = Set(rows.map(\.location.pack))
    let packRows = packs.packs().filter { numbers.contains($0.number) }.map { PackRow(id: $0.number, bytes: $0.bytes) }
    return (rows.filter { !quarantined.contains($0.id) }, rows.filter { quarantined.contains($0.id) }, packRows)
  }

  /// The rows are in the catalog.
  func settle(_ rows: [ChunkRow]) {
    state.withLock { state in
      for row in rows {
        state.pending[row.digest] = nil
        state.pendingByID[row.id] = nil
        if state.quarantined[row.digest] != nil {
          state.quarantined[row.digest] = nil
          state.rows[row.id] = nil
        }
      }
      state.version += 1
    }
  }

  func row(_ id: ChunkID) throws -> ChunkRow {
    let known = state.withLock { state -> ChunkRow? in
      if let digest = state.pendingByID[id] { return state.pending[digest] }
      return state.rows[id]
    }
    if let known { return known }
    // Chunks that were stored one after the other are often read so, and their rows lie beside each other.
    // A damaged row among them must not stand in the way of this one.
    let first = id & ~7
    var rows = (try? catalog.chunks(first...first | 7)) ?? []
    if !rows.contains(where: { $0.id == id }) { rows += try catalog.chunk(id: id).map { [$0] } ?? [] }
    guard let row = rows.first(where: { $0.id == id }) else {
      throw CatalogError(.damaged, "look up chunk \(id)", "a file refers to it and it is not there")
    }
    state.withLock { state in
      if state.rows.count >= Self.mostRows { state.rows.removeAll(keepingCapacity: true) }
      for row in rows { state.rows[row.id] = row }
    }
    return row
  }

  /// Reads a part of a chunk, verified.
  func read(_ id: ChunkID, offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    var row = try row(id)
    while true {
      do {
        try read(row, offset: offset, into: buffer)
        if isQuarantined(row) { releaseIfWhole(row) }
        return
      } catch let error as ChunkError {
        // The collector may have moved it since its row was read: then it is where its row says now.
        guard let moved = try moved(row) else {
          quarantine(row, error)
          throw error
        }
        row = moved
      }
    }
  }

  private func read(_ row: ChunkRow, offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    let id = row.id
    let length = Int(row.location.length)
    guard offset + buffer.count <= length else {
      throw CatalogError(
        .damaged, "read chunk \(id)", "a file refers to \(offset + buffer.count) bytes of it and it has \(length)")
    }
    if offset == 0 && buffer.count == length {
      // Whole chunks are what a sequential reader asks for, and the kernel keeps what it gets: caching
      // them here would copy them once more to no end.
      try packs.read(row.location, row.id, row.digest, into: buffer)
      return
    }
    if !cache.isWorthCaching(id) {
      // Reads at random seldom come back to a chunk. Only its beginning is decompressed, and into memory that
      // was used before, where a new place in the cache would cost a page fault for each 4 KiB of the chunk.
      try withUnsafeTemporaryAllocation(byteCount: offset + buffer.count, alignment: 16) { beginning in
        try packs.read(row.location, row.id, row.digest, into: beginning)
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: beginning[offset...]))
      }
      return
    }
    try cache.withChunk(
      id,
      load: { () throws(ChunkError) in
        try ChunkBuffer(count: length) { (memory) throws(ChunkError) in
          try packs.read(row.location, row.id, row.digest, into: memory)
        }
      },
      { (content: UnsafeRawBufferPointer) throws(ChunkError) in
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: content[offset..<offset + buffer.count]))
      })
  }

  /// The chunks that have these digests and can be read, which stay for an hour; nil in the place of
  /// one that is not stored.
  func promise(_ digests: [Digest]) throws(CatalogError) -> [ChunkRow?] {
    while true {
      let version = state.withLock { $0.version }
      let known = try catalog.existing(digests)
      let rows = state.withLock { state in
        digests.map { state.pending[$0] ?? (state.quarantined[$0] == nil ? known[$0] : nil) }
      }
      if claim(rows.compactMap { $0?.id }, version, promised: true) { return rows }
    }
  }
}
