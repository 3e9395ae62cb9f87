import Catalog
import Chunks
import Linux
import TestSupport
import Testing

@testable import FileSystem

/// A path under the mount, and the content of the regular file there: nil if it can't be read.
private typealias Contents = [String: [UInt8]?]

/// All regular files of all volumes that appear under the mount.
private func contents(_ store: TestStore) throws -> Contents {
  var contents: Contents = [:]
  for volume in store.fileSystem.volumes() {
    let root = NodeID(volume: volume.id, inode: volume.root)
    for path in ["", "dir", "dir/deep"] {
      var directory: NodeID? = root
      for name in path.split(separator: "/") {
        directory = directory.flatMap { try? store.fileSystem.lookup($0, Array(name.utf8)).node }
      }
      guard let directory else { continue }
      for name in ["another", "new"] + (0..<6).map({ "f\($0)" }) {
        guard let file = try? store.fileSystem.lookup(directory, Array(name.utf8)).node else { continue }
        contents["\(volume.id)/\(path)/\(name)"] = .some(try? store.read(file))
      }
    }
  }
  return contents
}

@Test(arguments: [
  "DELETE FROM chunk",
  "DELETE FROM chunk; DELETE FROM pack",
  "DELETE FROM chunk WHERE id % 3 = 0",
  "DELETE FROM chunk; UPDATE pack SET live_bytes = 0",
])
func lostRowsOfChunksAreFoundInThePacks(sql: String) throws {
  let (original, _, _) = try furnishedStore()
  let whole = try contents(original)
  #expect(whole.count > 15 && !whole.values.contains(nil))
  let rows = try original.chunks.sorted { $0.id < $1.id }
  let usage = try original.catalog.packUsage()
  let totals = try original.catalog.chunkTotals()

  let store = try TestStore(copyOf: original) { try change($0, sql) }
  #expect(try contents(store).values.contains(nil))
  let packs = try store.packs
  // The collector keeps away from what it can't know.
  let collection = try store.fileSystem.collectGarbage()
  #expect(collection.removedPacks == 0 && collection.deletedChunks == 0 && collection.notices.count == 1)
  #expect(try store.packs == packs)

  let report = try store.fileSystem.check(repair: true)
  #expect(report.findings == [] && !report.repairs.isEmpty, "\(report)")
  #expect(try contents(store) == whole)
  #expect(
    try store.chunks.sorted { $0.id < $1.id }
      == rows.filter { row in
        try store.catalog.uses(of: [row.id], limit: 1).count == 1
      })
  #expect(try store.catalog.packUsage().map(\.id) == usage.map(\.id))
  #expect(try store.catalog.packUsage().map(\.liveBytes) == usage.map(\.liveBytes))
  #expect(try store.catalog.chunkTotals() == totals)
  _ = try store.fileSystem.collectGarbage()
  #expect(try contents(store) == whole)
  try store.reopen()
  #expect(try contents(store) == whole)
  #expect(try store.fileSystem.check(repair: false).findings == [])
}

/// Whatever else is broken, no file that could be read before a repair can't be read, or differs, after it.
@Test(arguments: testSeeds(6))
func repairMakesNothingWorse(seed: UInt64) throws {
  var generator = SeededGenerator(seed: seed)
  let (original, _, _) = try furnishedStore()
  let whole = try contents(original)
  let store = try TestStore(copyOf: original) { path in
    let disk = LocalDisk(root: path)
    let packs = try disk.list("packs")
    for _ in 0..<Int(generator.next() % 4) {
      let name = packs[Int(generator.next() % UInt64(packs.count))]
      guard disk.exists("packs/\(name)") else { continue }
      let file = try disk.open("packs/\(name)", create: false)
      switch generator.next() % 4 {
      case 0: try disk.remove("packs/\(name)")
      case 1: try file.truncate(to: generator.next() % file.length())
      default:
        let place = generator.next() % (try file.length())
        try [UInt8](repeating: 7, count: 40).withUnsafeBytes { try file.write($0, at: place) }
      }
    }
    for _ in 0..<Int(generator.next() % 4) {
      try change(
        path,
        [
          "DELETE FROM chunk WHERE id % 2 = 0", "DELETE FROM pack", "UPDATE chunk SET refs = 0 WHERE id % 3 = 1",
          "DELETE FROM chunk WHERE id > 10", "UPDATE pack SET live_bytes = 3", "DELETE FROM pack WHERE id % 2 = 0",
        ][Int(generator.next() % 6)])
    }
  }
  // Not before the copy is taken: reading puts what is damaged into quarantine.
  let untouched = try TestStore(copyOf: store)
  let before = try contents(untouched)
  let report = try store.fileSystem.check(repair: true)
  var after = try contents(store)
  for (path, content) in before where content != nil { #expect(after[path] == content, "\(path) \(report)") }
  for (path, content) in after where content != nil { #expect(whole[path] == content, "\(path) \(report)") }
  _ = try store.fileSystem.collectGarbage()
  _ = try store.fileSystem.check(repair: true)
  after = try contents(store)
  for (path, content) in before where content != nil { #expect(after[path] == content, "\(path) \(report)") }
}

@Test func aLostRowWhoseRecordIsDamagedGoesIntoQuarantineAndIsHealedByItsContent() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let file = try store.write("file", in: root, random(50_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  let row = try #require(try store.chunks.first)
  try store.reopen { path in
    try store.flipBit(in: row)
    try change(path, "DELETE FROM chunk")
  }
  let report = try store.fileSystem.check(repair: true)
  #expect(report.damagedChunks == 1 && report.findings.flatMap(\.paths) == ["storage/file"], "\(report)")
  #expect(try store.catalog.quarantined().map(\.row) == [row])
  try store.write("again", in: root, random(50_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  #expect(try store.read(file) == random(50_000, seed: 1))
}

@Test func theYoungestRecordThatIsWholeWins() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let file = try store.write("file", in: root, random(50_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  let row = try #require(try store.chunks.first)
  let packs = store.fileSystem.chunkStore.packs
  let copies = try (0..<2).map { _ in try packs.copy(row.location, row.id, row.digest) }
  try store.reopen { path in
    try store.flipBit(in: ChunkRow(id: row.id, digest: row.digest, location: copies[1]))
    try change(path, "DELETE FROM chunk")
  }
  #expect(try store.fileSystem.check(repair: true).findings == [])
  #expect(try store.catalog.chunk(id: row.id)?.location == copies[0])
  #expect(try store.read(file) == random(50_000, seed: 1))
}

@Test func aNumberWithTwoContentsIsNotPutBack() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let file = try store.write("file", in: root, random(50_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  let row = try #require(try store.chunks.first)
  let other = random(50_000, seed: 2)
  _ = try other.withUnsafeBytes { try store.fileSystem.chunkStore.packs.append(Digest(of: $0), row.id, $0) }
  try store.reopen { try change($0, "DELETE FROM chunk") }
  let report = try store.fileSystem.check(repair: true)
  #expect(report.findings.contains { $0.sentence.contains("different content") }, "\(report)")
  #expect(throws: POSIXError.self) { try store.read(file) }
}

@Test func damageOfALostRowStaysWithItsFiles() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let content = random(900_000, seed: 1)
  let broken = try store.write("broken", in: root, content)
  try store.fileSystem.synchronizeAll()
  let row = try #require(try store.chunks.min { $0.id < $1.id })
  try store.write("whole", in: root, random(300_000, seed: 2))
  try store.fileSystem.synchronizeAll()
  try store.reopen { try change($0, "DELETE FROM chunk WHERE id = \(row.id); DELETE FROM pack") }
  // Mapped into another file, written beside, and removed: each checkpoint is taken.
  let copy = try store.write("copy", in: root, [])
  _ = try store.fileSystem.copyRange(broken, offset: 0, to: copy, offset: 0, length: 900_000, Caller())
  let new = try store.write("new", in: root, random(400_000, seed: 3))
  try store.fileSystem.synchronizeAll()
  #expect(store.reports.all.contains { $0.contains("chunk \(row.id)") && $0.contains("lost") })
  try store.overwrite(broken, at: UInt64(row.location.length) / 2, random(1000, seed: 4))
  try store.fileSystem.synchronizeAll()
  try store.remove("whole", in: root)
  try store.fileSystem.synchronizeAll()
  try store.reopen()
  #expect(try store.read(new) == random(400_000, seed: 3))
  #expect(throws: POSIXError.self) { try store.read(copy) }
  #expect(throws: POSIXError.self) { try store.read(broken) }
  // And the repair gives all of it back.
  #expect(try store.fileSystem.check(repair: true).findings == [])
  #expect(try store.read(copy) == content)
  var changed = content
  let start = Int(row.location.length) / 2
  changed.replaceSubrange(start..<start + 1000, with: random(1000, seed: 4))
  #expect(try store.read(broken) == changed)
}
