import Catalog
import Glibc
import Journal
import Linux
import Testing

@testable import FileSystem

// What the checkpoint thread does by itself.

@Test func aChangeAfterAnIdleTimeReachesTheCatalogByItself() throws {
  let store = try TestStore(checkpointSeconds: 0.05)
  let root = try store.makeVolume("storage")
  for round in 0..<3 {
    _ = try store.fileSystem.make(
      root, Array("file-\(round)".utf8), NewNode(mode: FileType.regular | 0o644), Caller())
    let sequence = store.fileSystem.lock.withLock { $0.counters.appliedSequence }
    // The thread notes that nothing changes any more only when all has come into the catalog.
    try waitUntil("the checkpoint thread is idle") { !store.fileSystem.checkpoints.withLock { $0.hasChanges } }
    #expect(try store.fileSystem.catalog.counters().appliedSequence >= sequence)
  }
  #expect(store.reports.all == [])
}

@Test func aStoreThatIsClosedGivesBackWhatItHoldsForLater() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let file = try store.write("file", in: root, [])
  let mebibyte = [UInt8](repeating: 1, count: 1 << 20)
  for number in 0..<16 { try store.overwrite(file, at: UInt64(number) << 20, mebibyte) }
  try store.fileSystem.checkpoint()
  try store.fileSystem.journal.segments.prepareSpare()
  #expect(store.fileSystem.journal.segments.hasStagingSpares)
  try store.reopen { path in
    let disk = LocalDisk(root: path)
    let left = try disk.list("staging")
    #expect(left == [])
    #expect(!disk.exists("journal/spare"))
    // Sixteen operations and their like: a few kilobytes, where a segment has 4 MiB.
    let bytes = try disk.list("journal").reduce(UInt64(0)) {
      try $0 + disk.open("journal/" + $1, create: false).length()
    }
    #expect(bytes < 1 << 20)
  }
  let entry = try store.fileSystem.lookup(root, Array("file".utf8))
  #expect(try store.read(entry.node).count == 16 << 20)
  #expect(store.reports.all == [])
}

private struct NeverHappened: Error { let what: String }

private func waitUntil(_ what: String, _ condition: () -> Bool) throws {
  for _ in 0..<3_000 {
    if condition() { return }
    usleep(10_000)
  }
  throw NeverHappened(what: what)
}

@Test func aStoreThatWasSynchronizedHasAJournalThatWasWrittenBefore() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  _ = try store.write("file", in: root, [1])
  #expect(store.fileSystem.journal.isAllocatedOnly)
  try store.fileSystem.synchronizeAll()
  #expect(!store.fileSystem.journal.isAllocatedOnly && store.fileSystem.journal.segments.hasSpare)
  #expect(store.reports.all == [])
}
