import Catalog
import Chunks
import Linux
import Synchronization

/// What a collection of garbage did.
public struct CollectionReport: Equatable, Sendable {
  /// Packs whose files were removed, and their bytes.
  public var removedPacks: UInt64 = 0
  public var removedBytes: UInt64 = 0
  /// Packs whose chunks, those that are in use, were copied to others, and the bytes copied.
  public var repackedPacks: UInt64 = 0
  public var copiedBytes: UInt64 = 0
  /// Chunks that nothing referred to.
  public var deletedChunks: UInt64 = 0
  /// Bytes of all packs afterwards, and those of them that hold chunks in use.
  public var packBytes: UInt64 = 0
  public var liveBytes: UInt64 = 0
  public var seconds: Double = 0
  /// Why garbage stayed, a sentence each.
  public var notices: [String] = []

  public init() {}
}

/// What the collector remembers from one collection to the next.
struct CollectionState {
  var isRunning = false
  /// Garbage that the last collection could not get at, and when that was, in nanoseconds since 1970.
  var leftover: UInt64 = 0
  var time: Int64 = 0
}

/// Garbage collection: chunks that nothing refers to are deleted, packs without chunks removed, and of
/// packs that are less than half full what is in use is copied elsewhere. What it costs is in
/// proportion to the garbage: the catalog keeps the live bytes of each pack, and only packs with
/// enough garbage are looked at.
///
/// A chunk is deleted only if all of this holds, and what is in doubt stays:
///
/// 1. No map in the catalog names it: the transaction that deletes its row looks once more, and throws
///    where one does.
/// 2. No map in memory that has changed since the last checkpoint names it: what is not in the catalog
///    yet, but in the journal, must be there when the journal is replayed. Such maps are looked through
///    while no checkpoint runs. A map that changes afterwards takes the chunks it names from another
///    one, which 1 or 2 cover, or from ``ChunkStore/promise(_:)``, which 3 covers; and the catalog does
///    not change before the deletion is over, because no checkpoint runs.
/// 3. Nobody was promised it: a client that was told that the store has a chunk, or has just sent it,
///    may name it in a tree for an hour. The promise and the deletion are ordered by one lock; who
///    looks a chunk up while it is being deleted waits, and looks again.
/// 4. It is not pending (stored, and not in the catalog yet).
///
/// A pack is removed only if all of this holds:
///
/// 1. It is sealed, so nothing more is written to it, and every store that was under way when the
///    collection began is over, so that the chunk store knows of every chunk in it.
/// 2. No chunk in it is pending, and no row of a chunk in the catalog names it: again the transaction
///    that forgets the pack looks. The file goes after that transaction; if the process dies in
///    between, the pack is one that the catalog does not know.
/// 3. It was emptied in an earlier pass. A reader that has looked a place up before holds the open
///    file, or finds it gone and looks again.
/// 4. Is it unknown to the catalog, then its number must be lower than those that the catalog had given
///    out when the process began: it was known once. What a crash left above that number, or what
///    there is when a catalog was lost, stays.
///
/// Nothing at all is collected while rows of chunks that files refer to are lost: the packs that these
/// are in look as if they had garbage in them, and are what a repair finds the rows in.
///
/// A copied chunk gets its new place in the catalog after the copy is durable, and its content was
/// hashed before it was copied. Layers of removed volumes go first: their rows are references.
extension FileSystem {
  /// Collects garbage now, until there is no more to be had. Everything else goes on meanwhile.
  public func collectGarbage() throws(VolumeError) -> CollectionReport {
    guard let report = try describing("collect garbage", { try collect() }) else {
      throw VolumeError(.busy, "Garbage is being collected already. Try again when that is over.")
    }
    return report
  }

  /// Collects garbage whenever there is enough, until the file system is closed.
  func collectorLoop() {
    while checkpoints.wait(seconds: 60, until: { $0.isStopping ? true : nil }) == nil {
      do {
        guard try isCollectionDue(), let report = try collect() else { continue }
        for notice in report.notices { options.report("collecting garbage: \(notice)") }
      } catch {
        // It is tried again in a minute; nothing was deleted that is in use.
        options.report("collecting garbage: \(error)")
      }
    }
  }

  /// Whether the packs that a collection would empty hold more than a tenth of all and 256 MiB of
  /// garbage, or any at all when the disk is nearly full, and more than the last one had to leave.
  private func isCollectionDue() throws -> Bool {
    let packs = chunkStore.packs.packs()
    let live = try liveBytes()
    let total = packs.reduce(0) { $0 + $1.bytes }
    let garbage = packs.filter { $0.sealed && Self.isWorthwhile($0.bytes, live[$0.number] ?? 0) }
      .reduce(UInt64(0)) { $0 + $1.bytes - min($1.bytes, live[$1.number] ?? 0) }
    let isNearlyFull = space.free < 1 << 30
    let (leftover, time) = collection.withLock { ($0.leftover, $0.time) }
    let isOld = nanosecondsNow() - time > Deletion.promiseSeconds * 1_000_000_000
    return Self.isWorthwhile(
      garbage: garbage, total: total, leftover: isOld ? 0 : leftover, isNearlyFull: isNearlyFull)
  }

  /// All in bytes.
  static func isWorthwhile(garbage: UInt64, total: UInt64, leftover: UInt64, isNearlyFull: Bool) -> Bool {
    // What the last collection had to leave is left again, unless promises have ended since.
    guard leftover == 0 || garbage > leftover + 64 << 20 else { return false }
    return garbage > 256 << 20 && garbage > total / 10 || isNearlyFull && garbage > 16 << 20
  }

  private func liveBytes() throws -> [UInt64: UInt64] {
    try chunkStore.catalog.packUsage().reduce(into: [:]) { $0[$1.id] = $1.liveBytes }
  }

  private static func isWorthwhile(_ bytes: UInt64, _ live: UInt64) -> Bool { live < bytes / 2 }

  /// nil: another thread collects.
  private func collect() throws -> CollectionReport? {
    let isFirst = collection.withLock { state in
      defer { state.isRunning = true }
      return !state.isRunning
    }
    guard isFirst else { return nil }
    defer { collection.withLock { $0.isRunning = false } }
    let start = nanosecondsNow()
    var report = CollectionReport()
    try checkpoint()
    try removeDeadLayers()
    let lost = try catalog.lostChunks()
    guard lost == 0 else {
      report.notices.append(
        "The catalog's table of chunks and the sum over it differ by \(lost.magnitude) chunks, so rows may be lost, "
          + "and nothing was collected. Run `cairn storage check --repair`.")
      return report
    }
    // What the first pass empties the second removes; a third is needed where copies filled packs up.
    for _ in 0..<3 {
      let before = report
      try pass(&report)
      if (report.removedPacks, report.repackedPacks, report.deletedChunks)
        == (before.removedPacks, before.repackedPacks, before.deletedChunks)
      {
        break
      }
    }
    let packs = chunkStore.packs.packs()
    let live = try liveBytes()
    report.packBytes = packs.reduce(0) { $0 + $1.bytes }
    report.liveBytes = packs.reduce(0) { $0 + (live[$1.number] ?? 0) }
    report.seconds = Double(nanosecondsNow() - start) / 1e9
    let leftover = packs.filter { $0.sealed && Self.isWorthwhile($0.bytes, live[$0.number] ?? 0) }
      .reduce(UInt64(0)) { $0 + $1.bytes - min($1.bytes, live[$1.number] ?? 0) }
    collection.withLock { state in
      state.leftover = leftover
      state.time = nanosecondsNow()
    }
    return report
  }

  /// Looks once at each pack with enough garbage.
  func pass(_ report: inout CollectionReport) throws {
    let live = try liveBytes()
    let pending = chunkStore.pendingPacks
    for pack in chunkStore.packs.packs() where !pack.sealed && !pending.contains(pack.number) {
      // The pack that is written to, when most of it is garbage: begin another, or it would have to stay.
      if let live = live[pack.number], Self.isWorthwhile(pack.bytes, live) {
        chunkStore.packs.finish(pack: pack.number)
      }
    }
    let sealed = chunkStore.packs.packs().filter(\.sealed)
    guard chunkStore.waitForStores(seconds: 30) else {
      report.notices.append("Chunks were being stored for longer than 30 seconds, so nothing was collected.")
      return
    }
    // Packs that are empty already come before those that this pass empties.
    var worthwhile: [(number: UInt64, bytes: UInt64)] = []
    for pack in sealed {
      if checkpoints.withLock({ $0.isStopping }) { return }
      guard Self.isWorthwhile(pack.bytes, live[pack.number] ?? 0) else { continue }
      if live[pack.number] == nil && pack.number >= knownPacks {
        // Left by a crash or a store that failed, or its chunks are pending: the next process knows.
        continue
      }
      if try removeIfEmpty(pack.number, bytes: pack.bytes, &report) { continue }
      worthwhile.append((pack.number, pack.bytes))
    }
    for pack in worthwhile {
      if checkpoints.withLock({ $0.isStopping }) { return }
      try emptyOut(pack.number, bytes: pack.bytes, &report)
    }
    try forgetMissingPacks(live, &report)
  }

  /// Of packs whose files are gone, rows are all that is left to delete.
  private func forgetMissingPacks(_ live: [UInt64: UInt64], _ report: inout CollectionReport) throws {
    let present = Set(chunkStore.packs.packs().map(\.number))
    for (pack, live) in live where live == 0 && !present.contains(pack) {
      // One that was removed a moment ago has no row any more, which is as good.
      if try !deleteDead(in: pack, &report) { continue }
      if try catalog.chunks(in: pack).isEmpty { try catalog.forget(packs: [pack]) }
    }
  }

  /// Removes a pack that has no chunks. False if it has some.
  private func removeIfEmpty(_ pack: UInt64, bytes: UInt64, _ report: inout CollectionReport) throws -> Bool {
    guard try catalog.chunks(in: pack).isEmpty, !chunkStore.pendingPacks.contains(pack) else { return false }
    try catalog.forget(packs: [pack])
    try chunkStore.packs.remove(pack: pack)
    report.removedPacks += 1
    report.removedBytes += bytes
    return true
  }

  /// Deletes the chunks of a pack that nothing refers to and copies the others elsewhere.
  private func emptyOut(_ pack: UInt64, bytes: UInt64, _ report: inout CollectionReport) throws {
    // Where something is only about to be referred to, the pack stays: copying it would go on each time.
    guard try deleteDead(in: pack, &report) else { return }
    let rest = try catalog.chunks(in: pack)
    guard !rest.isEmpty else { return }
    let restBytes = rest.reduce(UInt64(0)) { $0 + UInt64($1.location.storedLength) }
    guard Self.isWorthwhile(bytes, restBytes) else { return }
    let readable = rest.filter { !chunkStore.isQuarantined($0) }
    let copies = copy(readable, &report)
    guard !copies.isEmpty else { return }
    try relocate(copies)
    report.repackedPacks += 1
    report.copiedBytes += copies.reduce(0) { $0 + UInt64($1.location.storedLength) }
  }

  /// Deletes the chunks of a pack that nothing refers to. False if some had to stay.
  private func deleteDead(in pack: UInt64, _ report: inout CollectionReport) throws -> Bool {
    try betweenCheckpoints {
      let dead = try catalog.deadChunks(in: pack)
      guard !dead.isEmpty else { return true }
      let inMemory = lock.withLock { $0.chunksInChangedMaps() }
      let deleted = try chunkStore.delete(dead.filter { !inMemory.contains($0.id) })
      report.deletedChunks += UInt64(deleted)
      return deleted == dead.count
    }
  }

  /// Stores chunks once more, in their order, as far as they can be read.
  private func copy(_ chunks: [ChunkRow], _ report: inout CollectionReport) -> [(
    chunk: ChunkID, location: ChunkLocation
  )] {
    var copies: [(chunk: ChunkID, location: ChunkLocation)] = []
    for chunk in chunks {
      do throws(ChunkError) {
        copies.append((chunk.id, try chunkStore.packs.copy(chunk.location, chunk.id, chunk.digest)))
      } catch {
        chunkStore.quarantine(chunk, error)
        report.notices.append("Chunk \(chunk.id) stays where it is: \(error).")
        // What is wrong with one record need not be wrong with the next, but a full disk is.
        if !error.isDamage { break }
      }
    }
    return copies
  }

  private func relocate(_ copies: [(chunk: ChunkID, location: ChunkLocation)]) throws {
    try chunkStore.packs.sync()
    let numbers = Set(copies.map(\.location.pack))
    let packs = chunkStore.packs.packs().filter { numbers.contains($0.number) }
    // The new packs' numbers are not to be given out again, even if these packs go before the next checkpoint.
    try betweenCheckpoints {
      var batch = CatalogBatch(counters: try catalog.counters())
      batch.counters.nextPack = max(batch.counters.nextPack, chunkStore.packs.nextPack)
      try catalog.commit(batch)
      try catalog.relocate(copies, packs: packs.map { PackRow(id: $0.number, bytes: $0.bytes) })
    }
    chunkStore.forgetPlaces(copies.map(\.chunk))
  }
}

extension State {
  /// The chunks that maps name which the catalog does not have yet.
  func chunksInChangedMaps() -> Set<ChunkID> {
    var chunks: Set<ChunkID> = []
    for node in dirty.nodes {
      for number in node.dirtyPages.union(node.frozenPages) {
        for extent in node.pages[number] ?? [] {
          if case .chunk(let chunk, _) = extent.content { chunks.insert(chunk) }
        }
      }
    }
    return chunks
  }
}
