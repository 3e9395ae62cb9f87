import Catalog
import Chunks
import Linux
import Synchronization
import TestSupport
import Testing

@testable import FileSystem

@Test func collectionGivesTheSpaceOfRemovedFilesBack() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let kept = try store.write("kept", in: root, random(300_000, seed: 1))
  for index in 0..<8 { try store.write("file\(index)", in: root, random(1_500_000, seed: UInt64(index + 10))) }
  try store.fileSystem.synchronizeAll()
  let before = try store.packBytesOnDisk
  #expect(before > 12_000_000)
  for index in 0..<8 { try store.remove("file\(index)", in: root) }
  let report = try store.fileSystem.collectGarbage()
  #expect(report.removedPacks >= 10)
  #expect(try store.packBytesOnDisk < 3_000_000)
  #expect(report.deletedChunks > 80)
  #expect(try store.read(kept) == random(300_000, seed: 1))
  #expect(try store.catalog.check() == [])
  try store.reopen()
  #expect(try store.read(kept) == random(300_000, seed: 1))
}

@Test func collectionGivesTheSpaceOfRemovedVolumesBack() throws {
  let store = try TestStore()
  let root = try store.makeVolume("volumes/big")
  for index in 0..<8 { try store.write("file\(index)", in: root, random(1_500_000, seed: UInt64(index))) }
  try store.fileSystem.synchronizeAll()
  let snapshot = try store.fileSystem.snapshot(root.volume, path: nil)
  try store.fileSystem.removeVolume(root.volume)
  _ = try store.fileSystem.collectGarbage()
  #expect(try store.packBytesOnDisk > 12_000_000, "the snapshot still refers to all of it")
  try store.fileSystem.removeVolume(snapshot.id)
  let report = try store.fileSystem.collectGarbage()
  #expect(try store.packBytesOnDisk < 1 << 20)
  #expect(report.liveBytes == 0)
  #expect(try store.chunks.isEmpty)
}

@Test func packsWithLittleInUseAreRepacked() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  var kept: [(NodeID, UInt64)] = []
  for index in 0..<30 {
    try store.write("garbage\(index)", in: root, random(400_000, seed: UInt64(1000 + index)))
    kept.append((try store.write("kept\(index)", in: root, random(100_000, seed: UInt64(index))), UInt64(index)))
    if index % 3 == 2 { try store.fileSystem.synchronizeAll() }
  }
  for index in 0..<30 { try store.remove("garbage\(index)", in: root) }
  let report = try store.fileSystem.collectGarbage()
  #expect(report.repackedPacks >= 10)
  #expect(report.liveBytes * 2 > report.packBytes, "\(report)")
  #expect(try store.packBytesOnDisk < 6_000_000)
  for (node, seed) in kept { #expect(try store.read(node) == random(100_000, seed: seed)) }
  #expect(try store.catalog.check() == [])
  try store.reopen()
  for (node, seed) in kept { #expect(try store.read(node) == random(100_000, seed: seed)) }
}

@Test func readersThatLookedAPlaceUpBeforeFindTheChunkAfterwards() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let kept = try store.write("kept", in: root, random(200_000, seed: 1))
  try store.write("garbage", in: root, random(800_000, seed: 2))
  try store.fileSystem.synchronizeAll()
  let chunkStore = store.fileSystem.chunkStore
  _ = try store.read(kept)
  let old = chunkStore.state.withLock { $0.rows }
  #expect(!old.isEmpty)
  try store.remove("garbage", in: root)
  #expect(try store.fileSystem.collectGarbage().repackedPacks >= 1)
  // As if the reader had noted the places just before they changed.
  chunkStore.state.withLock { $0.rows = old }
  #expect(try store.read(kept) == random(200_000, seed: 1))
  #expect(chunkStore.quarantinedCount == 0)
}

@Test func promisedChunksStayAndCanBeNamedInATree() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let content = random(60_000, seed: 5)
  let garbage = try store.write("garbage", in: root, random(900_000, seed: 6))
  _ = garbage
  let digest = try content.withUnsafeBytes { try store.fileSystem.addChunk($0) }
  try store.fileSystem.synchronizeAll()
  try store.remove("garbage", in: root)
  _ = try store.fileSystem.collectGarbage()
  #expect(try store.fileSystem.missingChunks([digest]) == [])
  let entries = [
    IngestEntry(path: [], content: .directory, mode: 0o755, uid: 0, gid: 0, modified: 0),
    IngestEntry(path: Array("f".utf8), content: .file([digest]), mode: 0o644, uid: 0, gid: 0, modified: 0),
  ]
  let volume = try store.fileSystem.ingest(VolumeRequest(kind: .workspace), entries)
  // Named in the journal, and not in the catalog yet.
  _ = try store.fileSystem.collectGarbage()
  let file = try store.fileSystem.lookup(NodeID(volume: volume.id, inode: volume.root), Array("f".utf8)).node
  #expect(try store.read(file) == content)
  try store.reopen()
  _ = try store.fileSystem.collectGarbage()
  #expect(try store.read(file) == content)
}

@Test func unpromisedChunksThatOnlyMemoryRefersToStay() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let content = random(60_000, seed: 5)
  let digest = try content.withUnsafeBytes { try store.fileSystem.addChunk($0) }
  try store.fileSystem.synchronizeAll()
  let entries = [
    IngestEntry(path: [], content: .directory, mode: 0o755, uid: 0, gid: 0, modified: 0),
    IngestEntry(path: Array("f".utf8), content: .file([digest]), mode: 0o644, uid: 0, gid: 0, modified: 0),
  ]
  let volume = try store.fileSystem.ingest(VolumeRequest(kind: .workspace), entries)
  // As if the promise had been made hours ago.
  store.fileSystem.chunkStore.state.withLock { $0.deletion = Deletion() }
  let dead = try store.chunks
  #expect(dead.count == 1)
  let inMemory = store.fileSystem.lock.withLock { $0.chunksInChangedMaps() }
  #expect(inMemory == Set(dead.map(\.id)))
  _ = try store.fileSystem.collectGarbage()
  let file = try store.fileSystem.lookup(NodeID(volume: volume.id, inode: volume.root), Array("f".utf8)).node
  #expect(try store.read(file) == content)
  _ = root
}

@Test func chunksAreDeletedOnceTheirPromiseIsOver() throws {
  let store = try TestStore()
  let content = random(60_000, seed: 5)
  let digest = try content.withUnsafeBytes { try store.fileSystem.addChunk($0) }
  try store.fileSystem.synchronizeAll()
  #expect(try store.fileSystem.collectGarbage().deletedChunks == 0)
  store.fileSystem.chunkStore.state.withLock { $0.deletion = Deletion() }
  #expect(try store.fileSystem.collectGarbage().deletedChunks == 1)
  #expect(try store.fileSystem.missingChunks([digest]) == [digest])
  #expect(try store.packs == [])
}

@Test func pendingChunksKeepTheirPack() throws {
  let store = try TestStore()
  let content = random(60_000, seed: 5)
  _ = try content.withUnsafeBytes { try store.fileSystem.chunkStore.store($0) }
  let pack = try #require(store.fileSystem.chunkStore.packs.packs().first)
  store.fileSystem.chunkStore.packs.finish(pack: pack.number)
  // A checkpoint would bring it into the catalog: the pass alone is what is asked here.
  var report = CollectionReport()
  try store.fileSystem.pass(&report)
  #expect(report.removedPacks == 0)
  #expect(store.fileSystem.chunkStore.packs.packs().map(\.number) == [pack.number])
}

@Test func aCopyMadeWhileTheOriginalGoesKeepsItsChunks() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let content = random(700_000, seed: 3)
  let original = try store.write("original", in: root, content)
  try store.fileSystem.synchronizeAll()
  let copy = try store.write("copy", in: root, [])
  _ = try store.fileSystem.copyRange(
    original, offset: 0, to: copy, offset: 0, length: UInt64(content.count), Caller())
  try store.remove("original", in: root)
  _ = try store.fileSystem.collectGarbage()
  #expect(try store.read(copy) == content)
  #expect(try store.catalog.check() == [])
}

@Test func packsThatACrashLeftGoWithTheNextProcessButOne() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let kept = try store.write("kept", in: root, random(100_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  let sealed = try store.packs
  try store.reopen { path in
    // A pack that no checkpoint has told the catalog of.
    let disk = LocalDisk(root: path)
    let superblock = try Superblock.read(from: disk)
    let packs = try PackStore(disk: disk, storeID: superblock.storeID, nextPack: 1)
    let content = random(50_000, seed: 9)
    _ = try content.withUnsafeBytes { try packs.append(Digest(of: $0), 1, $0) }
    try packs.close()
  }
  #expect(try store.packs.count == sealed.count + 1)
  _ = try store.fileSystem.collectGarbage()
  #expect(try store.packs.count == sealed.count + 1, "it may be what a lost catalog knew")
  try store.write("more", in: root, random(100_000, seed: 2))
  try store.reopen()
  _ = try store.fileSystem.collectGarbage()
  #expect(try store.packs.count == sealed.count + 1, "the leftover is gone, the pack of `more` is new")
  #expect(try store.read(kept) == random(100_000, seed: 1))
}

@Test func aPackThatWasForgottenAndNotRemovedGoesWithTheNextProcess() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  try store.write("garbage", in: root, random(500_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  try store.remove("garbage", in: root)
  try store.fileSystem.synchronizeAll()
  for pack in store.fileSystem.chunkStore.packs.packs() { store.fileSystem.chunkStore.packs.finish(pack: pack.number) }
  let kept = try store.write("kept", in: root, random(100_000, seed: 2))
  // What a collection does, up to the removal of the file.
  try store.catalog.forget(chunks: try store.chunks.map(\.id))
  try store.catalog.forget(packs: try store.catalog.packUsage().map(\.id))
  try store.reopen()
  let before = try store.packs
  _ = try store.fileSystem.collectGarbage()
  #expect(try store.packs.count == before.count - 1)
  #expect(try store.read(kept) == random(100_000, seed: 2))
  #expect(try store.fileSystem.check(repair: false).findings == [])
}

@Test func chunksThatFilesReferToCanNotBeDeleted() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let file = try store.write("file", in: root, random(100_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  let chunks = try store.chunks
  #expect(throws: CatalogError.self) { _ = try store.fileSystem.chunkStore.delete(chunks) }
  #expect(throws: CatalogError.self) { try store.catalog.forget(packs: [chunks[0].location.pack]) }
  #expect(try store.read(file) == random(100_000, seed: 1))
  // Those who look for it go on.
  try store.write("again", in: root, random(100_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  #expect(try store.chunks == chunks)
}

@Test func aStoreWhoseCatalogIsLostIsRefused() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  try store.write("file", in: root, random(100_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  store.fileSystem.close()
  let path = store.directory.path
  for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] { try? LocalDisk(root: path).remove(name) }
  #expect(throws: StoreError.self) {
    _ = try FileSystem(disk: LocalDisk(root: path), catalogDirectory: path)
  }
  #expect(try store.packs.count == 1)
}

@Test func collectionGoesOnBesideWritersAndReaders() throws {
  let store = try TestStore(checkpointSeconds: 0.1)
  let root = try store.makeVolume("storage")
  let fileSystem = store.fileSystem
  let stop = Mutex(false)
  let failures = Mutex<[String]>([])
  let writers = (0..<3).map { writer in
    WorkerThread(name: "writer-\(writer)") {
      var generator = SeededGenerator(seed: UInt64(writer))
      var files: [(name: [UInt8], node: NodeID, seed: UInt64)] = []
      var count = 0
      while !stop.withLock({ $0 }) {
        do {
          if files.count > 6 {
            let victim = files.remove(at: Int(generator.next() % UInt64(files.count)))
            try fileSystem.unlink(root, victim.name, Caller())
            fileSystem.forget(victim.node, count: .max / 2)
          }
          // Few seeds, so that content comes back whose chunks have just become garbage.
          let seed = generator.next() % 12
          let content = random(200_000, seed: seed)
          let name = Array("w\(writer)-\(count)".utf8)
          count += 1
          let node = try fileSystem.make(root, name, NewNode(mode: FileType.regular | 0o644), Caller()).node
          _ = try content.withUnsafeBytes {
            try fileSystem.write(node, offset: 0, bytes: $0, clearSetID: false, Caller())
          }
          files.append((name, node, seed))
          for file in files {
            var bytes = [UInt8](repeating: 0, count: 200_000)
            _ = try bytes.withUnsafeMutableBytes { try fileSystem.read(file.node, offset: 0, into: $0) }
            if bytes != random(200_000, seed: file.seed) { failures.withLock { $0.append("\(file) differs") } }
          }
        } catch {
          failures.withLock { $0.append("\(error)") }
          return
        }
      }
    }
  }
  var removed: UInt64 = 0
  let end = nanosecondsNow() + 5_000_000_000
  while nanosecondsNow() < end { removed += try fileSystem.collectGarbage().removedPacks }
  stop.withLock { $0 = true }
  for writer in writers { writer.join() }
  #expect(failures.withLock { $0 } == [])
  #expect(removed > 0)
  #expect(store.reports.all == [])
  try fileSystem.synchronizeAll()
  #expect(try store.catalog.check() == [])
}

@Test(arguments: testSeeds(3))
func randomHistoriesReadTheSameAfterCollection(seed: UInt64) throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  var generator = SeededGenerator(seed: seed)
  var files: [String: (node: NodeID, content: [UInt8])] = [:]
  defer { #expect(store.reports.all == []) }
  for step in 0..<150 {
    switch generator.next() % 8 {
    case 0...2:
      let content = random(Int(generator.next() % 400_000) + 1, seed: generator.next() % 20)
      files["f\(step)"] = (try store.write("f\(step)", in: root, content), content)
    case 3:
      guard let (name, file) = files.randomElement(using: &generator) else { continue }
      let bytes = random(Int(generator.next() % 50_000) + 1, seed: generator.next())
      let offset = Int(generator.next() % UInt64(file.content.count))
      try store.overwrite(file.node, at: UInt64(offset), bytes)
      var content = file.content
      if content.count < offset + bytes.count {
        content += [UInt8](repeating: 0, count: offset + bytes.count - content.count)
      }
      content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
      files[name] = (file.node, content)
    case 4:
      guard let (name, _) = files.randomElement(using: &generator) else { continue }
      try store.remove(name, in: root)
      files[name] = nil
    case 5:
      guard let (_, file) = files.randomElement(using: &generator) else { continue }
      let copy = try store.write("c\(step)", in: root, [])
      _ = try store.fileSystem.copyRange(
        file.node, offset: 0, to: copy, offset: 0, length: UInt64(file.content.count), Caller())
      files["c\(step)"] = (copy, file.content)
    case 6: try store.fileSystem.synchronizeAll()
    default: if step % 3 == 0 { _ = try store.fileSystem.collectGarbage() }
    }
  }
  for _ in 0..<2 {
    _ = try store.fileSystem.collectGarbage()
    for (name, file) in files { #expect(try store.read(file.node) == file.content, "\(name)") }
    #expect(try store.catalog.check() == [])
    try store.reopen()
  }
  for name in files.keys { try store.remove(name, in: root) }
  _ = try store.fileSystem.collectGarbage()
  #expect(try store.chunks.isEmpty)
}

@Test(
  arguments: [
    (garbage: 257, total: 1000, leftover: 0, isNearlyFull: false, isDue: true),
    (garbage: 256, total: 1000, leftover: 0, isNearlyFull: false, isDue: false),
    (garbage: 257, total: 3000, leftover: 0, isNearlyFull: false, isDue: false),
    (garbage: 301, total: 3000, leftover: 0, isNearlyFull: false, isDue: true),
    (garbage: 17, total: 3000, leftover: 0, isNearlyFull: true, isDue: true),
    (garbage: 16, total: 3000, leftover: 0, isNearlyFull: true, isDue: false),
    (garbage: 364, total: 1000, leftover: 300, isNearlyFull: false, isDue: false),
    (garbage: 365, total: 1000, leftover: 300, isNearlyFull: false, isDue: true),
    (garbage: 300, total: 1000, leftover: 300, isNearlyFull: true, isDue: false),
  ] as [(UInt64, UInt64, UInt64, Bool, Bool)])
func theBackgroundCollectorBeginsWhenThereIsEnoughToGain(
  garbage: UInt64, total: UInt64, leftover: UInt64, isNearlyFull: Bool, isDue: Bool
) {
  let isWorthwhile = FileSystem.isWorthwhile(
    garbage: garbage << 20, total: total << 20, leftover: leftover << 20, isNearlyFull: isNearlyFull)
  #expect(isWorthwhile == isDue)
}

@Test func aReadThatMeetsAChunkCollectedSinceItsLookAtTheMapLooksAnew() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let file = try store.write("file", in: root, random(50_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  let (pieces, count) = try store.fileSystem.look(file, offset: 0, count: 50_000)
  #expect(count == 50_000 && pieces.count == 1)
  try store.overwrite(file, at: 0, random(50_000, seed: 2))
  #expect(try store.fileSystem.collectGarbage().deletedChunks == 1)
  var bytes = [UInt8](repeating: 0, count: count)
  let isFilled = try bytes.withUnsafeMutableBytes {
    try store.fileSystem.fill($0, count, with: pieces, of: file, isRetry: false)
  }
  #expect(!isFilled)
  // What a second look finds is the end of it.
  #expect(throws: POSIXError.self) {
    try bytes.withUnsafeMutableBytes {
      _ = try store.fileSystem.fill($0, count, with: pieces, of: file, isRetry: true)
    }
  }
  #expect(try store.read(file) == random(50_000, seed: 2))
}
