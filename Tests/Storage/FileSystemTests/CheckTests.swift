import Catalog
import Chunks
import Glibc
import Linux
import Synchronization
import TestSupport
import Testing

@testable import FileSystem

@Test func aSoundStoreHasNoFindings() throws {
  let (store, _, files) = try furnishedStore()
  let report = try store.fileSystem.check(repair: false)
  #expect(report.findings == [])
  #expect(report.chunks > 10 && report.volumes == 4 && report.inodes > 20 && report.bytes > 1_000_000)
  #expect(try store.fileSystem.check(repair: true).repairs == [])
  for (node, content) in files { #expect(try store.read(node) == content) }
}

@Test func damagedChunksAreReportedWithThePathsOfTheirFiles() throws {
  let (store, _, files) = try furnishedStore()
  let chunks = try store.chunks
  let victim = try #require(chunks.first)
  try store.flipBit(in: victim)
  let report = try store.fileSystem.check(repair: false)
  #expect(report.damagedChunks == 1)
  let paths = report.findings.flatMap(\.paths)
  let broken = files.filter { (try? store.read($0.key)) == nil }
  #expect(broken.count == 1)
  #expect(paths.contains { $0.hasPrefix("storage/dir/") }, "\(report.findings)")
  #expect(paths.contains { $0.hasPrefix("(volume 2)/dir/") || $0.hasPrefix("volumes/clone/dir/") })
  // Nothing that repair does makes a file worse.
  _ = try store.fileSystem.check(repair: true)
  for (node, content) in files where broken[node] == nil { #expect(try store.read(node) == content) }
}

@Test func aMissingPackIsReported() throws {
  let (store, _, _) = try furnishedStore()
  let name = try #require(try store.packs.first)
  try store.reopen { path in try LocalDisk(root: path).remove("packs/\(name)") }
  let report = try store.fileSystem.check(repair: true)
  #expect(report.damagedChunks > 0)
  #expect(!report.findings.flatMap(\.paths).isEmpty)
  #expect(report.findings.contains { $0.sentence.contains("missing") })
}

@Test(arguments: [
  "UPDATE chunk SET refs = refs + 3 WHERE id % 2 = 0",
  "UPDATE pack SET live_bytes = live_bytes + 17",
  "UPDATE meta SET value = 5 WHERE key = 'live_chunks'",
  "DELETE FROM pack",
  "UPDATE volume SET used_bytes = used_bytes + 1000, used_inodes = used_inodes - 2 WHERE id = 1",
])
func repairMendsCountsAndNothingElse(sql: String) throws {
  let (store, _, files) = try furnishedStore()
  try store.reopen { try change($0, sql) }
  let found = try store.fileSystem.check(repair: false)
  #expect(!found.findings.isEmpty)
  let repaired = try store.fileSystem.check(repair: true)
  #expect(repaired.findings == [] && !repaired.repairs.isEmpty, "\(repaired)")
  let again = try store.fileSystem.check(repair: false)
  #expect(again.findings == [])
  for (node, content) in files { #expect(try store.read(node) == content) }
  _ = try store.fileSystem.collectGarbage()
  for (node, content) in files { #expect(try store.read(node) == content) }
}

@Test func tooLowACountIsMendedBeforeTheCollectorBelievesIt() throws {
  let (store, _, files) = try furnishedStore()
  try store.reopen { try change($0, "UPDATE chunk SET refs = 0; UPDATE pack SET live_bytes = 0") }
  #expect(try store.fileSystem.check(repair: true).findings == [])
  _ = try store.fileSystem.collectGarbage()
  for (node, content) in files { #expect(try store.read(node) == content) }
}

@Test(arguments: [
  ("DELETE FROM inode WHERE ino = (SELECT node FROM dirent WHERE name = CAST('f4' AS BLOB))", "not there"),
  ("DELETE FROM dirent WHERE name = CAST('f3' AS BLOB)", "no name leads to"),
  (
    "UPDATE inode SET link_count = 5 WHERE ino = (SELECT node FROM dirent WHERE name = CAST('dir' AS BLOB))", "too high"
  ),
  ("DELETE FROM dirent WHERE name = CAST('another' AS BLOB)", "too high"),
])
func brokenTreesAreReportedWithSentences(sql: String, sentence: String) throws {
  let (store, _, files) = try furnishedStore()
  try store.reopen { try change($0, sql) }
  let report = try store.fileSystem.check(repair: false)
  #expect(report.findings.contains { $0.sentence.contains(sentence) && !$0.paths.isEmpty }, "\(report.findings)")
  let readable = files.filter { (try? store.read($0.key)) == $0.value }
  _ = try store.fileSystem.check(repair: true)
  for (node, content) in readable { #expect(try store.read(node) == content) }
}

@Test func lostRowsOfChunksAreReportedWithPathsAndStopNothing() throws {
  let (store, _, files) = try furnishedStore()
  try store.reopen { try change($0, "DELETE FROM chunk WHERE id = (SELECT min(id) FROM chunk WHERE refs > 0)") }
  let report = try store.fileSystem.check(repair: false)
  #expect(report.findings.contains { $0.sentence.contains("is not there") })
  #expect(!report.findings.flatMap(\.paths).isEmpty)
  let readable = files.filter { (try? store.read($0.key)) == $0.value }
  #expect(readable.count == files.count - 1)
  // The broken file can be removed, and the checkpoint that brings this into the catalog be taken.
  for volume in store.fileSystem.volumes() { try store.fileSystem.removeVolume(volume.id) }
  #expect(try store.fileSystem.check(repair: true).findings == [])
  #expect(try store.fileSystem.collectGarbage().notices == [])
  #expect(try store.chunks.isEmpty)
}

@Test func aCheckBesideWritersFindsNothing() throws {
  let store = try TestStore(checkpointSeconds: 0.05)
  let root = try store.makeVolume("storage")
  let fileSystem = store.fileSystem
  let reports = store.reports
  let stop = Mutex(false)
  let writer = WorkerThread(name: "writer") {
    var count: UInt64 = 0
    while !stop.withLock({ $0 }) {
      count += 1
      let name = Array("f\(count % 20)".utf8)
      do {
        if let old = try? fileSystem.lookup(root, name) {
          try fileSystem.unlink(root, name, Caller())
          fileSystem.forget(old.node, count: .max / 2)
        }
        let node = try fileSystem.make(root, name, NewNode(mode: FileType.regular | 0o644), Caller()).node
        _ = try random(60_000, seed: count).withUnsafeBytes {
          try fileSystem.write(node, offset: 0, bytes: $0, clearSetID: false, Caller())
        }
      } catch { reports.add("\(error)") }
    }
  }
  for _ in 0..<15 {
    #expect(try fileSystem.check(repair: false).findings == [])
    _ = try fileSystem.collectGarbage()
  }
  stop.withLock { $0 = true }
  writer.join()
  #expect(store.reports.all == [])
}
