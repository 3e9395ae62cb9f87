import Linux
import Synchronization
import TestSupport
import Testing

@testable import Chunks

private struct LoadFailed: Error {}

private func buffer(_ count: Int, _ byte: UInt8) -> ChunkBuffer {
  ChunkBuffer(count: count) { $0.initializeMemory(as: UInt8.self, repeating: byte) }
}

/// Keys that fall into one shard.
private func key(_ index: Int) -> UInt64 { UInt64(index) * 8 }

@Suite struct ChunkCacheTests {
  private let cache = ChunkCache(capacityBytes: 8 * 1000)

  /// Whether the chunk had to be loaded.
  @discardableResult
  private func touch(_ index: Int, count: Int = 100) -> Bool {
    var loaded = false
    cache.withChunk(key(index)) {
      loaded = true
      return buffer(count, UInt8(truncatingIfNeeded: index))
    } _: { bytes in
      #expect(bytes.count == count && bytes.allSatisfy { $0 == UInt8(truncatingIfNeeded: index) })
    }
    return loaded
  }

  @Test func whatIsThereIsNotLoadedAgain() {
    #expect(touch(1))
    #expect(!touch(1))
    #expect(cache.bytes == 100)
  }

  @Test func itHoldsNoMoreThanItsCapacity() {
    for index in 0..<100 { touch(index, count: 100 + index) }
    #expect(cache.bytes <= 1000)
    #expect(cache.bytes > 700)
  }

  @Test func aPassOverManyChunksLeavesThoseThatAreReadAgain() {
    for index in 0..<5 { touch(index) }
    for index in 0..<5 { touch(index) }
    for pass in 0..<20 {
      touch(100 + pass)
      for index in 0..<5 { #expect(!touch(index), "pass \(pass)") }
    }
  }

  @Test func withoutReuseTheOldestGoesFirst() {
    for index in 0..<12 { touch(index) }
    #expect(cache.bytes == 1000)
    for index in 2..<12 { #expect(!touch(index)) }
  }

  @Test func aChunkThatIsTooLargeIsPassedThrough() {
    #expect(touch(1, count: 1001))
    #expect(touch(1, count: 1001))
    #expect(cache.bytes == 0)
  }

  @Test func aRemovedChunkIsLoadedAgain() {
    touch(1)
    cache.remove(key(1))
    cache.remove(key(2))
    #expect(cache.bytes == 0)
    #expect(touch(1))
  }

  @Test func aFailedLoadLeavesNothingBehind() {
    #expect(throws: LoadFailed.self) {
      try cache.withChunk(7) { () throws(LoadFailed) -> ChunkBuffer in
        throw LoadFailed()
      } _: { _ throws(LoadFailed) in
      }
    }
    #expect(touch(7))
  }

  @Test func aReadersBytesStayThoughTheyAreEvicted() {
    cache.withChunk(key(1)) {
      buffer(1000, 1)
    } _: { bytes in
      for index in 2..<20 { touch(index, count: 1000) }
      #expect(bytes.allSatisfy { $0 == 1 })
    }
  }

  @Test func oneThreadLoadsForAll() {
    let loads = Atomic(0)
    let wrong = Atomic(0)
    let started = Monitor(0)
    let threads = (0..<8).map { index in
      WorkerThread(name: "test \(index)") { [cache] in
        started.withLock { $0 += 1 }
        started.wakeAll()
        cache.withChunk(3) {
          loads.add(1, ordering: .relaxed)
          // All eight are on their way while the first loads.
          _ = started.wait { $0 == 8 ? true : nil }
          return buffer(50, 9)
        } _: { bytes in
          if !bytes.allSatisfy({ $0 == 9 }) { wrong.add(1, ordering: .relaxed) }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(loads.load(ordering: .relaxed) == 1)
    #expect(wrong.load(ordering: .relaxed) == 0)
  }

  @Test(arguments: testSeeds())
  func threadsAlwaysSeeTheRightChunk(seed: UInt64) {
    let wrong = Atomic(0)
    let threads = (0..<4).map { thread in
      WorkerThread(name: "test \(thread)") { [cache] in
        var generator = SeededGenerator(seed: seed &+ UInt64(thread))
        for _ in 0..<5000 {
          let key = UInt64.random(in: 0..<200, using: &generator)
          cache.withChunk(key) {
            buffer(1 + Int(key) * 3, UInt8(key))
          } _: { bytes in
            let good = bytes.count == 1 + Int(key) * 3 && bytes.allSatisfy { $0 == UInt8(key) }
            if !good { wrong.add(1, ordering: .relaxed) }
          }
          if key == 0 { cache.remove(UInt64.random(in: 0..<200, using: &generator)) }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(wrong.load(ordering: .relaxed) == 0)
    #expect(cache.bytes <= 8000)
  }
}
