import Catalog
import Chunks
import Glibc
import Linux
import TestSupport
import Testing

@testable import FileSystem

private func eio(_ body: () throws -> Void) -> Bool {
  do { try body() } catch let error as POSIXError { return error.code == EIO } catch { return false }
  return false
}

@Test func aDamagedChunkGivesAnErrorOnItsFilesOnly() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let bad = try store.write("bad", in: root, random(50_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  // Files of one checkpoint are chunked side by side, so the first chunk might be of either.
  let victim = try #require(try store.chunks.first)
  let good = try store.write("good", in: root, random(50_000, seed: 2))
  try store.fileSystem.synchronizeAll()
  try store.flipBit(in: victim)
  let isFirst = eio { _ = try store.read(bad) }
  #expect(isFirst)
  #expect(try store.read(good) == random(50_000, seed: 2))
  #expect(store.fileSystem.chunkStore.quarantinedCount == 1)
  #expect(try store.catalog.quarantined().map(\.row.id) == [victim.id])
  try store.reopen()
  #expect(store.fileSystem.chunkStore.quarantinedCount == 1)
  #expect(eio { _ = try store.read(bad) })
}

@Test func contentWrittenAgainIsStoredAfreshAndHealsTheOldFiles() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let content = random(300_000, seed: 1)
  let old = try store.write("old", in: root, content)
  try store.fileSystem.synchronizeAll()
  for chunk in try store.chunks { try store.flipBit(in: chunk) }
  // Reading is what finds the damage; each read stops at the first chunk.
  for offset in stride(from: 0, to: content.count, by: 512) {
    var bytes = [UInt8](repeating: 0, count: 512)
    #expect(
      eio { _ = try bytes.withUnsafeMutableBytes { try store.fileSystem.read(old, offset: UInt64(offset), into: $0) } })
  }
  let damaged = try store.chunks
  #expect(store.fileSystem.chunkStore.quarantinedCount == damaged.count)
  let new = try store.write("new", in: root, content)
  try store.fileSystem.synchronizeAll()
  #expect(try store.read(new) == content)
  #expect(try store.read(old) == content)
  #expect(store.fileSystem.chunkStore.quarantinedCount == 0)
  #expect(try store.catalog.quarantined() == [])
  #expect(Set(try store.chunks.map(\.id)) == Set(damaged.map(\.id)))
  #expect(try store.catalog.check() == [])
  try store.reopen()
  #expect(try store.read(old) == content)
  #expect(try store.fileSystem.check(repair: false).findings == [])
}

@Test func aMissingPackPutsItsChunksInQuarantine() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let file = try store.write("file", in: root, random(50_000, seed: 1))
  try store.reopen { path in try LocalDisk(root: path).remove("packs/" + store.packs[0]) }
  #expect(eio { _ = try store.read(file) })
  #expect(store.fileSystem.chunkStore.quarantinedCount == 1)
  try store.write("again", in: root, random(50_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  #expect(try store.read(file) == random(50_000, seed: 1))
}

@Test func aDamagedChunkBesideWhatIsWrittenKeepsNoCheckpointFromBeingTaken() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let file = try store.write("file", in: root, random(400_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  for chunk in try store.chunks { try store.flipBit(in: chunk) }
  try store.overwrite(file, at: 200_000, random(5_000, seed: 2))
  try store.fileSystem.synchronizeAll()
  var bytes = [UInt8](repeating: 0, count: 5_000)
  _ = try bytes.withUnsafeMutableBytes { try store.fileSystem.read(file, offset: 200_000, into: $0) }
  #expect(bytes == random(5_000, seed: 2))
  #expect(try store.catalog.check() == [])
}

@Test func theCollectorLeavesDamagedChunksInUseWhereTheyAre() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let kept = try store.write("kept", in: root, random(50_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  let victim = try #require(try store.chunks.first)
  try store.write("garbage", in: root, random(800_000, seed: 2))
  try store.fileSystem.synchronizeAll()
  try store.remove("garbage", in: root)
  try store.flipBit(in: victim)
  let report = try store.fileSystem.collectGarbage()
  #expect(!report.notices.isEmpty)
  #expect(try store.catalog.chunk(id: victim.id)?.location == victim.location)
  #expect(eio { _ = try store.read(kept) })
  #expect(try store.catalog.check() == [])
  try store.remove("kept", in: root)
  _ = try store.fileSystem.collectGarbage()
  #expect(try store.chunks.isEmpty)
  #expect(try store.catalog.quarantined() == [])
  #expect(store.fileSystem.chunkStore.quarantinedCount == 0)
}

@Test func aChunkThatCanBeReadAgainLeavesQuarantineByItself() throws {
  let disk = SimulatedDisk()
  let store = RunStore.simulated(disk)
  let fileSystem = try ModelRun.open(store, 100)
  defer {
    fileSystem.close()
    store.discard()
  }
  let volume = try fileSystem.createVolume(VolumeRequest(kind: .persistent, path: "storage"))
  let root = NodeID(volume: volume.id, inode: volume.root)
  let node = try fileSystem.make(root, [1], NewNode(mode: FileType.regular | 0o644), Caller()).node
  let content = random(200_000, seed: 1)
  _ = try content.withUnsafeBytes {
    try fileSystem.write(node, offset: 0, bytes: $0, clearSetID: false, Caller())
  }
  try fileSystem.checkpoint()
  func read(_ range: Range<Int>) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    _ = try bytes.withUnsafeMutableBytes { try fileSystem.read(node, offset: UInt64(range.lowerBound), into: $0) }
    return bytes
  }
  disk.fail { call, path, _ in call == .read && path.hasPrefix("packs/") ? EIO : nil }
  #expect(eio { _ = try read(0..<200_000) })
  #expect(eio { _ = try read(199_000..<200_000) })
  #expect(fileSystem.quarantinedChunks == 2)
  disk.fail(nil)
  #expect(try read(100..<200) == Array(content[100..<200]))
  #expect(fileSystem.quarantinedChunks == 1)
  #expect(try read(0..<200_000) == content)
  #expect(fileSystem.quarantinedChunks == 0)
  #expect(try fileSystem.catalog.quarantined() == [])
}
