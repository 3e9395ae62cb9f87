import Catalog
import Linux
import Synchronization
import Testing

@Suite struct ConcurrencyTests {
  let scratch = Scratch()

  private final class Progress: Sendable {
    let isDone = Atomic(false)
    let isCommitting = Atomic(false)
    let readsDuringCommits = Atomic(0)
    let problems = Monitor<[String]>([])
  }

  /// Two layers with `count` names each; all that was committed last leads to the node `number`.
  private func batch(_ number: UInt64, count: UInt64) -> CatalogBatch {
    var batch = CatalogBatch(counters: Counters(appliedSequence: number))
    for index in 1...count {
      for layer: LayerID in [1, 2] {
        let entry = DirectoryEntry(cookie: index * 2 + layer, name: bytes("\(index)"), node: number, type: 0)
        batch.entries.append((layer, 5, entry))
      }
    }
    return batch
  }

  @Test func readersSeeWholeBatchesAndDoNotWaitForCommits() throws {
    let catalog = try Catalog(directory: scratch.path, readers: 3)
    let count: UInt64 = 300
    try catalog.commit(batch(1, count: count))
    let progress = Progress()
    // More threads than connections, so that some wait for one.
    let threads = (0..<6).map { index in
      WorkerThread(name: "reader \(index)") {
        var last: UInt64 = 1
        while !progress.isDone.load(ordering: .relaxed) {
          let wasCommitting = progress.isCommitting.load(ordering: .acquiring)
          do {
            let entries = try catalog.entries([2, 1], 5, after: 0, limit: 100_000)
            let nodes = Set(entries.map(\.node))
            if entries.count != 2 * Int(count) || nodes.count != 1 || nodes.first! < last {
              progress.problems.withLock { $0.append("\(entries.count) entries of batches \(nodes) after \(last)") }
            }
            last = nodes.max() ?? last
          } catch {
            progress.problems.withLock { $0.append("\(error)") }
          }
          if wasCommitting, progress.isCommitting.load(ordering: .acquiring) {
            progress.readsDuringCommits.wrappingAdd(1, ordering: .relaxed)
          }
        }
      }
    }
    for number: UInt64 in 2...40 {
      progress.isCommitting.store(true, ordering: .releasing)
      try catalog.commit(batch(number, count: count))
      progress.isCommitting.store(false, ordering: .releasing)
      if number % 10 == 0 { try catalog.checkpoint() }
    }
    progress.isDone.store(true, ordering: .relaxed)
    for thread in threads { thread.join() }
    #expect(progress.problems.withLock { $0 } == [])
    #expect(progress.readsDuringCommits.load(ordering: .relaxed) > 0)
    #expect(try catalog.check() == [])
  }

  /// The log is copied and used again from its start: it does not grow with each commit.
  @Test func theLogStaysBounded() throws {
    let catalog = try Catalog(directory: scratch.path)
    for number: UInt64 in 1...14 {
      var batch = CatalogBatch(counters: Counters(appliedSequence: number))
      for index: UInt64 in 0..<40 {
        batch.attributes.append((1, number * 100 + index, bytes("user.large"), [UInt8](repeating: 7, count: 1 << 17)))
      }
      try catalog.commit(batch)
    }
    // 14 commits of 5 MiB each: copied whenever it is past 32 MiB.
    let file = try LocalDisk(root: scratch.path).open("\(Catalog.fileName)-wal", create: false)
    #expect(try file.length() < 44 << 20)
    #expect(try catalog.attributeNames([1], 1439) == [bytes("user.large")])
  }
}
