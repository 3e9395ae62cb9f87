import Linux

/// The content of a chunk in memory. It never changes once made, and its memory goes with the last
/// reference, so a reader's bytes stay whatever a cache evicts.
public final class ChunkBuffer: @unchecked Sendable {
  // @unchecked: the memory is written in `init` only, before any other thread can have a reference.
  private let memory: UnsafeMutableRawBufferPointer

  /// Memory of `count` bytes, all of which `fill` must set.
  public init<Failure: Error>(
    count: Int, fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    memory = .allocate(byteCount: count, alignment: 16)
    // When this throws, deinit runs: every property is set.
    try fill(memory)
  }

  deinit { memory.deallocate() }

  public var count: Int { memory.count }

  @inline(__always)
  public func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(memory))
  }
}

/// Decompressed chunks, up to a number of bytes. Thread-safe; a chunk that several threads miss at
/// once is loaded by one of them, and the others wait for it.
///
/// What goes first is decided by CLOCK with the reference bit unset at the start: what was read once,
/// as in a pass over a large file, goes before what was read again.
public final class ChunkCache: Sendable {
  private struct Slot {
    var key: UInt64
    var buffer: ChunkBuffer
    var isReferenced: Bool
  }

  private struct Shard {
    /// The ring that the hand goes around; nil: free.
    var slots: [Slot?] = []
    var free: [Int] = []
    /// Of each key, its place in `slots`.
    var places: [UInt64: Int] = [:]
    var loading: Set<UInt64> = []
    var bytes = 0
    var hand = 0
    /// The keys last asked about and how often, each in the place that its value gives it.
    var asked = [(key: UInt64, times: Int)](repeating: (.max, 0), count: ChunkCache.askedPlaces)
  }

  private static let askedPlaces = 1024
  /// At the third time: in random reads of a file, many chunks are asked for twice by chance, and caching one takes the
  /// whole of it, in pages that the process may not have touched before.
  private static let askedBefore = 2

  private static let shardCount = 8
  private let shards: [Monitor<Shard>]
  private let shardCapacity: Int

  public init(capacityBytes: Int) {
    shardCapacity = capacityBytes / Self.shardCount
    shards = (0..<Self.shardCount).map { _ in Monitor(Shard()) }
  }

  /// Bytes held now.
  public var bytes: Int { shards.reduce(0) { $0 + $1.withLock { $0.bytes } } }

  /// Whether a chunk is here, or was asked about twice not long ago: then it pays to have it.
  public func isWorthCaching(_ key: UInt64) -> Bool {
    shards[Int(truncatingIfNeeded: key) & (Self.shardCount - 1)].withLock { state in
      let place = Int(truncatingIfNeeded: key / UInt64(Self.shardCount)) & (Self.askedPlaces - 1)
      if state.asked[place].key != key { state.asked[place] = (key, 0) }
      defer { state.asked[place].times += 1 }
      return state.asked[place].times >= Self.askedBefore || state.places[key] != nil
    }
  }

  /// Calls `body` with the content of the chunk `key`, which `load` brings if it is not here.
  /// No lock is held during either.
  public func withChunk<Result, Failure: Error>(
    _ key: UInt64, load: () throws(Failure) -> ChunkBuffer,
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let shard = shards[Int(truncatingIfNeeded: key) & (Self.shardCount - 1)]
    let found = shard.wait { state in Self.find(key, &state) } ?? nil
    if let found { return try found.withBytes(body) }
    let buffer: ChunkBuffer
    do {
      buffer = try load()
    } catch {
      shard.withLock { _ = $0.loading.remove(key) }
      shard.wakeAll()
      throw error
    }
    shard.withLock { state in
      state.loading.remove(key)
      insert(key, buffer, &state)
    }
    shard.wakeAll()
    return try buffer.withBytes(body)
  }

  /// Forgets a chunk, as one that was found damaged.
  public func remove(_ key: UInt64) {
    shards[Int(truncatingIfNeeded: key) & (Self.shardCount - 1)].withLock { state in
      if let place = state.places[key] { Self.evict(place, &state) }
    }
  }

  /// The outer nil: another thread loads it, wait. The inner nil: the caller is to load it.
  private static func find(_ key: UInt64, _ state: inout Shard) -> ChunkBuffer?? {
    if let place = state.places[key], let slot = state.slots[place] {
      state.slots[place]?.isReferenced = true
      return .some(slot.buffer)
    }
    return state.loading.insert(key).inserted ? .some(nil) : nil
  }

  private func insert(_ key: UInt64, _ buffer: ChunkBuffer, _ state: inout Shard) {
    guard buffer.count <= shardCapacity else { return }
    while state.bytes + buffer.count > shardCapacity {
      if state.hand >= state.slots.count { state.hand = 0 }
      if state.slots[state.hand]?.isReferenced == true {
        state.slots[state.hand]?.isReferenced = false
      } else {
        Self.evict(state.hand, &state)
      }
      state.hand += 1
    }
    let slot = Slot(key: key, buffer: buffer, isReferenced: false)
    if let place = state.free.popLast() {
      state.slots[place] = slot
      state.places[key] = place
    } else {
      state.places[key] = state.slots.count
      state.slots.append(slot)
    }
    state.bytes += buffer.count
  }

  private static func evict(_ place: Int, _ state: inout Shard) {
    guard let slot = state.slots[place] else { return }
    state.bytes -= slot.buffer.count
    state.places[slot.key] = nil
    state.slots[place] = nil
    state.free.append(place)
  }
}
