import Catalog
import Chunks
import Linux
import Synchronization

/// Chunks by number: stores new content once, and reads it back verified. Thread-safe.
///
/// A chunk that is stored is *pending* until a checkpoint has made its pack durable and put its row
/// into the catalog.
final class ChunkStore: Sendable {
  let packs: PackStore
  let parameters: ChunkParameters
  private let catalog: Catalog
  private let cache: ChunkCache
  private let state: Mutex<State>

  private struct State {
    var next: ChunkID
    var pending: [Digest: ChunkRow] = [:]
    var pendingByID: [ChunkID: Digest] = [:]
    /// Rows of chunks read lately, so that a read need not ask the catalog; emptied when it is full.
    var rows: [ChunkID: ChunkRow] = [:]
  }

  /// Some 20 MiB.
  private static let mostRows = 200_000

  init(packs: PackStore, catalog: Catalog, parameters: ChunkParameters, nextChunk: ChunkID, cacheBytes: Int) {
    self.packs = packs
    self.parameters = parameters
    self.catalog = catalog
    cache = ChunkCache(capacityBytes: cacheBytes)
    state = Mutex(State(next: nextChunk))
  }

  var hasPending: Bool { state.withLock { !$0.pending.isEmpty } }
  var nextChunk: ChunkID { state.withLock { $0.next } }

  /// Stores content, or finds that it is stored already. Returns the chunk's number.
  func store(_ content: UnsafeRawBufferPointer) throws -> (id: ChunkID, digest: Digest) {
    let digest = Digest(of: content)
    if let row = try find(digest) { return (row.id, digest) }
    let location = try packs.append(digest, content)
    let id = state.withLock { state in
      // Another thread may have stored the same content meanwhile; its copy is used, this one is garbage.
      if let row = state.pending[digest] { return row.id }
      let row = ChunkRow(id: state.next, digest: digest, location: location)
      state.next += 1
      state.pending[digest] = row
      state.pendingByID[row.id] = digest
      return row.id
    }
    return (id, digest)
  }

  func find(_ digest: Digest) throws(CatalogError) -> ChunkRow? {
    if let row = state.withLock({ $0.pending[digest] }) { return row }
    return try catalog.chunk(digest: digest)
  }

  /// The rows of chunks that the catalog does not have yet, with the packs they are in. All of them
  /// are durable when this returns.
  func makePendingDurable() throws(ChunkError) -> (chunks: [ChunkRow], packs: [PackRow]) {
    let rows = state.withLock { Array($0.pending.values) }
    guard !rows.isEmpty else { return ([], []) }
    try packs.sync()
    let numbers = Set(rows.map(\.location.pack))
    let packRows = packs.packs().filter { numbers.contains($0.number) }.map { PackRow(id: $0.number, bytes: $0.bytes) }
    return (rows, packRows)
  }

  /// The rows are in the catalog.
  func settle(_ rows: [ChunkRow]) {
    state.withLock { state in
      for row in rows {
        state.pending[row.digest] = nil
        state.pendingByID[row.id] = nil
      }
    }
  }

  private func row(_ id: ChunkID) throws -> ChunkRow {
    let known = state.withLock { state -> ChunkRow? in
      if let row = state.rows[id] { return row }
      return state.pendingByID[id].flatMap { state.pending[$0] }
    }
    if let known { return known }
    guard let row = try catalog.chunk(id: id) else {
      throw CatalogError(.damaged, "look up chunk \(id)", "a file refers to it and it is not there")
    }
    state.withLock { state in
      if state.rows.count >= Self.mostRows { state.rows.removeAll(keepingCapacity: true) }
      state.rows[id] = row
    }
    return row
  }

  /// Reads a part of a chunk, verified.
  func read(_ id: ChunkID, offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    let row = try row(id)
    let length = Int(row.location.length)
    guard offset + buffer.count <= length else {
      throw CatalogError(
        .damaged, "read chunk \(id)", "a file refers to \(offset + buffer.count) bytes of it and it has \(length)")
    }
    if offset == 0 && buffer.count == length {
      // Whole chunks are what a sequential reader asks for, and the kernel keeps what it gets: caching
      // them here would copy them once more to no end.
      try packs.read(row.location, row.digest, into: buffer)
      return
    }
    try cache.withChunk(
      id,
      load: { () throws(ChunkError) in
        try ChunkBuffer(count: length) { (memory) throws(ChunkError) in
          try packs.read(row.location, row.digest, into: memory)
        }
      },
      { (content: UnsafeRawBufferPointer) throws(ChunkError) in
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: content[offset..<offset + buffer.count]))
      })
  }

  /// Lengths of chunks by digest; nil in the place of one that is not stored.
  func rows(_ digests: [Digest]) throws(CatalogError) -> [ChunkRow?] {
    let known = try catalog.existing(digests)
    return state.withLock { state in digests.map { known[$0] ?? state.pending[$0] } }
  }
}
