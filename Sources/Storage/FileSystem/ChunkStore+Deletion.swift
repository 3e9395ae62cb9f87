import Catalog
import Chunks
import Linux

/// What keeps the garbage collector from deleting a chunk that somebody is about to refer to.
struct Deletion {
  /// Seconds for which a chunk stays that a client was told is there.
  static let promiseSeconds: Int64 = 3600

  /// Chunks promised since `since`, and in the hour before.
  private var promised: Set<ChunkID> = []
  private var promisedBefore: Set<ChunkID> = []
  private var since = nanosecondsNow()
  /// Chunks whose rows are being deleted.
  var condemned: Set<ChunkID> = []
  /// Stores under way, by the parity of the generation that they began in.
  private var storing = [0, 0]
  private var generation = 0

  mutating func promise(_ chunk: ChunkID) {
    turn()
    promised.insert(chunk)
  }

  mutating func isPromised(_ chunk: ChunkID) -> Bool {
    turn()
    return promised.contains(chunk) || promisedBefore.contains(chunk)
  }

  /// Two sets in turn: a promise holds for one hour to two, and costs 8 bytes or so, not a time.
  private mutating func turn() {
    let age = (nanosecondsNow() - since) / 1_000_000_000
    guard age >= Self.promiseSeconds else { return }
    promisedBefore = age < 2 * Self.promiseSeconds ? promised : []
    promised = []
    since = nanosecondsNow()
  }

  mutating func beginStore() -> Int {
    storing[generation & 1] += 1
    return generation & 1
  }

  mutating func endStore(_ ticket: Int) { storing[ticket] -= 1 }

  /// Lets new stores count apart from those under way.
  mutating func nextGeneration() -> Int {
    defer { generation += 1 }
    return generation & 1
  }

  func isOver(_ ticket: Int) -> Bool { storing[ticket] == 0 }
}

extension ChunkStore.State {
  mutating func takeNumber() -> ChunkID {
    defer { next += 1 }
    return next
  }

  /// Takes on a chunk that was stored, unless one with its content is pending already. Returns the
  /// number of the one that counts.
  mutating func add(_ chunk: ChunkRow, promised: Bool) -> ChunkID {
    let id = pending[chunk.digest]?.id ?? chunk.id
    if pending[chunk.digest] == nil {
      pending[chunk.digest] = chunk
      pendingByID[id] = chunk.digest
    }
    if promised { deletion.promise(id) }
    return id
  }
}

// What the garbage collector and the check ask of the chunk store.
extension ChunkStore {
  /// Whether chunks that were found in the catalog may be referred to: false if the catalog has changed
  /// since `version`. Those that are being deleted are waited for.
  func claim(_ chunks: [ChunkID], _ version: UInt64, promised: Bool) -> Bool {
    state.wait { state -> Bool? in
      guard state.version == version else { return false }
      if !state.deletion.condemned.isEmpty, chunks.contains(where: state.deletion.condemned.contains) { return nil }
      if promised { for chunk in chunks { state.deletion.promise(chunk) } }
      return true
    } ?? false
  }

  /// Waits until every ``store(_:promised:)`` that is under way has noted where its chunk is. False if
  /// that takes longer than `seconds`.
  func waitForStores(seconds: Double) -> Bool {
    let ticket = state.withLock { $0.deletion.nextGeneration() }
    return state.wait(seconds: seconds) { $0.deletion.isOver(ticket) ? true : nil } ?? false
  }

  /// The packs that hold chunks which the catalog does not know of yet.
  var pendingPacks: Set<UInt64> {
    state.withLock { Set($0.pending.values.map(\.location.pack)) }
  }

  /// Deletes the rows of those of the chunks that nobody was promised and nothing is pending of. The
  /// catalog refuses, and nothing is deleted, if a file refers to one of them. Returns how many it were.
  func delete(_ chunks: [ChunkRow]) throws(CatalogError) -> Int {
    let condemned = state.withLock { state in
      let free = chunks.filter { !state.deletion.isPromised($0.id) && state.pendingByID[$0.id] == nil }
      state.deletion.condemned = Set(free.map(\.id))
      return free
    }
    guard !condemned.isEmpty else { return 0 }
    var isDeleted = false
    defer {
      state.withLock { state in
        state.deletion.condemned = []
        state.version += 1
        if isDeleted {
          for chunk in condemned {
            state.rows[chunk.id] = nil
            state.quarantined[chunk.digest] = nil
          }
        }
      }
      state.wakeAll()
    }
    try catalog.forget(chunks: condemned.map(\.id))
    isDeleted = true
    return condemned.count
  }

  /// The chunks have other places now.
  func forgetPlaces(_ chunks: [ChunkID]) {
    state.withLock { state in
      for chunk in chunks { state.rows[chunk] = nil }
    }
  }
}
