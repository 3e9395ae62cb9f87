import Glibc
import Linux
import TestSupport
import Testing

@testable import Chunks

/// What ``PackStore`` makes of a disk that fails, and what it has synced when.
@Suite struct PackStoreFailureTests {
  private let fixture = PackFixture()
  private let disk: FailingDisk

  init() { disk = FailingDisk(fixture.disk) }

  private func open(packBytes: UInt64 = 10_000) throws(StoreError) -> PackStore {
    try PackStore(disk: disk, storeID: PackFixture.storeID, nextPack: 1, packBytes: packBytes)
  }

  private func fails(with code: Int32, _ body: () throws -> Void) -> Bool {
    do {
      try body()
      return false
    } catch ChunkError.disk(let error) {
      return error.code == code
    } catch {
      return false
    }
  }

  @Test func aSyncCoversEveryPackWithAppendsThatReturned() throws {
    var generator = SeededGenerator(seed: 1)
    let store = try open()
    _ = try store.store(generator.bytes(4000))
    #expect(!disk.isDurable)
    try store.sync()
    #expect(disk.isDurable)
    for _ in 0..<7 { _ = try store.store(generator.bytes(4000)) }
    #expect(store.packs().count == 4)
    #expect(!disk.isDurable)
    try store.sync()
    #expect(disk.isDurable)
    _ = try store.store(generator.bytes(4000))
    try store.close()
    #expect(disk.isDurable)
  }

  @Test func aSyncCoversAFullPackThatAnotherThreadStillWrites() throws {
    // A thread stays in the middle of its write while others fill its pack and begin the next.
    let gate = Monitor((isWaiting: false, isOpen: false))
    let store = try open()
    let first = try store.store([1])
    disk.onWrite {
      gate.withLock { $0.isWaiting = true }
      gate.wakeAll()
      _ = gate.wait { $0.isOpen ? true : nil }
    }
    let thread = WorkerThread(name: "test") { _ = try? store.store([2]) }
    _ = gate.wait { $0.isWaiting ? true : nil }
    disk.onWrite(nil)
    var generator = SeededGenerator(seed: 2)
    let others = try (0..<3).map { _ in try store.store(generator.bytes(5000)) }
    #expect(others.last?.location.pack ?? 0 > first.location.pack)
    #expect(store.packs().first?.sealed == false)
    #expect(!disk.isDurable)
    try store.sync()
    #expect(disk.isDurable)
    gate.withLock { $0.isOpen = true }
    gate.wakeAll()
    thread.join()
    // The last to write in a full pack seals it.
    #expect(store.packs().first?.sealed == true)
    #expect(try fixture.records(1, payloads: true).map(\.damage) == [nil, nil, nil])
  }

  @Test func afterAFailedSyncNothingIsPromisedAnyMore() throws {
    let store = try open()
    let chunk = try store.store([1, 2, 3])
    disk.fail(.sync, with: EIO)
    #expect(fails(with: EIO) { try store.sync() })
    disk.fail(.sync, with: nil)
    #expect(fails(with: EIO) { try store.sync() })
    #expect(fails(with: EIO) { _ = try store.store([4]) })
    #expect(try store.read(chunk) == [1, 2, 3])
    // A new process finds what really is on the disk.
    #expect(try open().recoveries.map(\.records) == [1])
  }

  @Test func aFailedWriteCostsItsPlaceAndNoMore() throws {
    let store = try open()
    let before = try store.store([1])
    disk.fail(.write, with: ENOSPC)
    #expect(fails(with: ENOSPC) { _ = try store.store([2]) })
    disk.fail(.write, with: nil)
    let after = try store.store([3])
    try store.sync()
    #expect(try store.read(before) == [1])
    #expect(try store.read(after) == [3])
    try store.close()
    #expect(try fixture.records(1, payloads: true).map(\.digest) == [before.digest, after.digest])
    #expect(try open().recoveries == [])
  }

  @Test(arguments: [ENOSPC, EOPNOTSUPP])
  func aPackNeedsNoPreallocation(code: Int32) throws {
    disk.fail(.allocate, with: code)
    let store = try open()
    let chunk = try store.store([1, 2, 3])
    try store.close()
    #expect(try open().read(chunk) == [1, 2, 3])
  }

  @Test func aPackThatCannotBeBegunLeavesNoLitter() throws {
    let store = try open()
    disk.fail(.write, with: ENOSPC)
    for _ in 0..<3 { #expect(fails(with: ENOSPC) { _ = try store.store([1]) }) }
    #expect(try disk.list("packs") == [])
    disk.fail(.write, with: nil)
    #expect(try store.store([1]).location.pack == 4)
  }

  @Test func aPackWhoseNameIsNotDurableIsNotUsed() throws {
    let store = try open()
    disk.fail(.syncDirectory, with: EIO)
    #expect(fails(with: EIO) { _ = try store.store([1]) })
    disk.fail(.syncDirectory, with: nil)
    let chunk = try store.store([1])
    try store.sync()
    #expect(disk.isDurable)
    #expect(try store.read(chunk) == [1])
  }

  @Test func aPackThatCannotBeSealedIsSealedAtTheNextStart() throws {
    let store = try open()
    let chunk = try store.store([1, 2, 3])
    try store.sync()
    disk.fail(.write, with: ENOSPC)
    #expect(fails(with: ENOSPC) { try store.close() })
    disk.fail(.write, with: nil)
    let again = try open()
    #expect(again.recoveries.map(\.outcome) == [.sealed])
    #expect(try again.read(chunk) == [1, 2, 3])
  }
}
