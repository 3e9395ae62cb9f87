import Chunks
import Foundation
import Testing

@testable import Workspace

@Suite struct IndexCacheTests {
  private let second: Int64 = 1_000_000_000

  private func file(_ name: String, changed: Int64) -> IndexedFile {
    let chunk = IndexedChunk(digest: Digest(words: (1, 2, 3, 4)), length: 5)
    let stamp = FileStamp(device: 1, inode: 2, size: 5, modified: 0, changed: changed)
    return IndexedFile(path: Array(name.utf8), stamp: stamp, chunks: [chunk])
  }

  @Test func itKeepsWhatIsSettledAndForgetsOnRequest() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let location = directory + "/new/cache.index"
    let old = file("old", changed: 10 * second)
    let fresh = file("fresh", changed: 99 * second)
    var cache = IndexCache()
    cache.replace(with: [old, fresh], now: 100 * second)
    try cache.write(to: location)
    var read = IndexCache(readFrom: location)
    #expect(read.chunks(of: old.path, stamp: old.stamp) == old.chunks)
    // It may have changed again within the clock's tick.
    #expect(read.chunks(of: fresh.path, stamp: fresh.stamp) == nil)
    var other = old.stamp
    other.changed += 1
    #expect(read.chunks(of: old.path, stamp: other) == nil)
    read.forget(old.path)
    #expect(read.chunks(of: old.path, stamp: old.stamp) == nil)
  }

  @Test func aDamagedCacheIsAnEmptyOne() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let location = directory + "/cache.index"
    let old = file("old", changed: 0)
    var cache = IndexCache()
    cache.replace(with: [old], now: 100 * second)
    try cache.write(to: location)
    let whole = try Data(contentsOf: URL(fileURLWithPath: location))
    for index in whole.indices {
      var damaged = whole
      damaged[index] ^= 0x10
      try damaged.write(to: URL(fileURLWithPath: location))
      #expect(IndexCache(readFrom: location).chunks(of: old.path, stamp: old.stamp) == nil)
      try whole.prefix(index).write(to: URL(fileURLWithPath: location))
      #expect(IndexCache(readFrom: location).chunks(of: old.path, stamp: old.stamp) == nil)
    }
    #expect(IndexCache(readFrom: directory + "/nothing").chunks(of: old.path, stamp: old.stamp) == nil)
  }
}
