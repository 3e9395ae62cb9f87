import Glibc
import Linux
import Synchronization
import TestSupport
import Testing

@testable import Chunks

@Suite struct PackStoreTests {
  private let fixture = PackFixture()

  @Test(arguments: testSeeds(3))
  func whatIsStoredIsReadBack(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let period = generator.bytes(Int.random(in: 2...3000, using: &generator))
    let maximum = ChunkParameters.standard.maximum
    let contents: [[UInt8]] = [
      [0], [0xFF], Array(repeating: 0, count: maximum), Array(repeating: 0xAB, count: 65_537), generator.bytes(maximum),
      generator.bytes(Int.random(in: 1...maximum, using: &generator)), (0..<maximum).map { period[$0 % period.count] },
      generator.bytes(20_000) + Array(repeating: 0, count: 1000), generator.bytes(7), generator.bytes(4),
    ]
    let store = try fixture.open()
    let chunks = try contents.map { try store.store($0) }
    for chunk in chunks { #expect(try store.read(chunk) == chunk.content) }
    try store.sync()
    try store.close()
    for chunk in chunks { #expect(try store.read(chunk) == chunk.content) }

    let again = try fixture.open()
    #expect(again.recoveries == [])
    for chunk in chunks.shuffled(using: &generator) { #expect(try again.read(chunk) == chunk.content) }
  }

  @Test func aChunkOfTheLargestLengthIsStored() throws {
    var generator = SeededGenerator(seed: 5)
    let store = try fixture.open()
    let chunk = try store.store(generator.bytes(ChunkParameters.largestMaximum))
    #expect(try store.read(chunk) == chunk.content)
    try store.close()
    #expect(try fixture.open().recoveries == [])
  }

  @Test func aFullPackIsSealedAndTheNextBegun() throws {
    var generator = SeededGenerator(seed: 6)
    let store = try fixture.open(packBytes: 100_000)
    let chunks = try (0..<20).map { _ in try store.store(generator.bytes(20_000)) }
    #expect(Set(chunks.map(\.location.pack)).sorted() == [1, 2, 3, 4, 5])
    #expect(store.packs().map(\.sealed) == [true, true, true, true, false])
    #expect(store.packs().allSatisfy { $0.bytes <= 100_000 })
    #expect(store.nextPack == 6)
    for pack in UInt64(1)...4 {
      #expect(try fixture.scanner(pack).isSealed)
      #expect(try fixture.records(pack, payloads: true).map(\.damage) == [nil, nil, nil, nil])
    }
    try store.close()
    #expect(store.packs().map(\.sealed) == [true, true, true, true, true])
    #expect(try fixture.scanner(5).isSealed)
    let lengths = try store.packs().map { UInt64(try fixture.bytes($0.number).count) }
    #expect(store.packs().map(\.bytes) == lengths)
  }

  @Test func aPackOfAnEarlierProcessIsNeverAppendedTo() throws {
    _ = try fixture.open().store([1, 2, 3])
    let second = try fixture.open()
    #expect(try second.store([4, 5, 6]).location.pack == 2)
    try second.close()
    #expect(try fixture.open(nextPack: 9).store([7]).location.pack == 9)
  }

  @Test func aStoreThatOnlyReadsMakesNoPack() throws {
    try fixture.open().close()
    #expect(try fixture.disk.list("packs") == [])
  }

  @Test func aClosedStoreTakesNothingMore() throws {
    let store = try fixture.open()
    let chunk = try store.store([1])
    try store.close()
    #expect { try store.store([2]) } throws: { if case .closed = $0 as? ChunkError { true } else { false } }
    #expect(try store.read(chunk) == [1])
    try store.close()
  }

  // MARK: Damage

  @Test(arguments: [true, false])
  func everyFlippedBitOfARecordIsFound(compressible: Bool) throws {
    var generator = SeededGenerator(seed: 7)
    let store = try fixture.open()
    let content = compressible ? [UInt8](repeating: 1, count: 300) : generator.bytes(40)
    let chunk = try store.store(content)
    #expect(chunk.location.codec == (compressible ? .lz4 : .raw))
    for index in 0..<UInt64(RecordHeader.length + Int(chunk.location.storedLength)) * 8 {
      try fixture.flip(1, chunk.location.offset + index / 8, bit: UInt8(index % 8))
      #expect(isDamaged(chunk.location) { _ = try store.read(chunk) }, "bit \(index)")
      try fixture.flip(1, chunk.location.offset + index / 8, bit: UInt8(index % 8))
    }
    #expect(try store.read(chunk) == content)
  }

  @Test func theRecordOfAnotherChunkIsNotTaken() throws {
    let store = try fixture.open()
    let (a, b) = (try store.store([1, 2, 3]), try store.store([4, 5, 6]))
    let mixed = StoredChunk(content: a.content, digest: a.digest, number: a.number, location: b.location)
    #expect(isDamaged(b.location) { _ = try store.read(mixed) })
    var renumbered = a
    renumbered.number += 1
    #expect(isDamaged(a.location) { _ = try store.read(renumbered) })
    var impossible = a
    impossible.location.storedLength = .max
    #expect(isDamaged(a.location) { _ = try store.read(impossible) })
    var beyond = a
    beyond.location.offset = 1 << 40
    #expect(isDamaged(beyond.location) { _ = try store.read(beyond) })
  }

  @Test func damageOfOneChunkLeavesTheOthers() throws {
    let store = try fixture.open()
    let chunks = try (0..<5).map { try store.store(Array(repeating: UInt8($0), count: 1000)) }
    try store.close()
    try fixture.flip(1, chunks[2].location.offset + 60)
    for (index, chunk) in chunks.enumerated() where index != 2 { #expect(try store.read(chunk) == chunk.content) }
    let records = try fixture.records(1, payloads: true)
    #expect(records.map(\.digest) == chunks.map(\.digest))
    #expect(records.map { $0.damage != nil } == [false, false, true, false, false])
    // The index alone does not show it.
    #expect(try fixture.records(1, payloads: false).allSatisfy { $0.damage == nil })
  }

  @Test func contentUnderAWrongDigestIsFoundByTheScanner() throws {
    let store = try fixture.open()
    let wrong = Digest(of: [9])
    _ = try [UInt8]([1, 2, 3]).withUnsafeBytes { try store.append(wrong, 1, $0) }
    try store.close()
    #expect(try fixture.records(1, payloads: true).map(\.damage) == ["its content has another digest"])
  }

  // MARK: Numbers

  @Test func theNumberOfAChunkIsInItsRecordAndInTheIndex() throws {
    let store = try fixture.open()
    let numbers: [ChunkID] = [300, 2, 1 << 40]
    let chunks = try numbers.map { try store.store(Array("chunk \($0)".utf8), as: $0) }
    #expect(try fixture.records(1, payloads: true).map(\.chunk) == numbers)
    try store.close()
    #expect(try fixture.records(1, payloads: false).map(\.chunk) == numbers)
    #expect(try fixture.records(1, payloads: true).map(\.chunk) == numbers)
    let again = try fixture.open()
    #expect(again.nextChunk == 1 << 40 + 1)
    let copy = try again.copy(chunks[0].location, 300, chunks[0].digest)
    #expect(copy.pack == 2)
    try again.close()
    #expect(try fixture.records(2, payloads: true).map(\.chunk) == [300])
  }

  @Test func theNumbersOfAnAbandonedPackAreNotGivenOutAgain() throws {
    let store = try fixture.open()
    _ = try store.store([1, 2, 3], as: 17)
    try store.sync()
    #expect(store.nextChunk == 1)
    #expect(try fixture.open().nextChunk == 18)
    #expect(try fixture.open().nextChunk == 18)
  }

  // MARK: Removal

  @Test func aRemovedPackIsReadableByWhoHoldsIt() throws {
    let store = try fixture.open(packBytes: 1000)
    let chunk = try store.store([UInt8](repeating: 3, count: 5000))
    _ = try store.store([1, 2, 3])
    try store.close()
    let holder = try store.reader(chunk.location.pack)
    try store.remove(pack: chunk.location.pack)
    #expect(try holder.read(chunk) == chunk.content)
    #expect { try store.read(chunk) } throws: { if case .missing(1) = $0 as? ChunkError { true } else { false } }
    #expect { try store.remove(pack: 1) } throws: { if case .missing(1) = $0 as? ChunkError { true } else { false } }
    #expect(!fixture.disk.exists(PackFormat.path(1)))
    #expect(!store.packs().contains { $0.number == 1 })
  }

  @Test func aPackThatIsWrittenToIsNotRemoved() throws {
    let store = try fixture.open()
    let chunk = try store.store([1])
    #expect { try store.remove(pack: 1) } throws: { if case .inUse(1) = $0 as? ChunkError { true } else { false } }
    #expect(try store.read(chunk) == [1])
  }

  @Test func manyMorePacksThanOpenFilesAreRead() throws {
    let store = try fixture.open(packBytes: 300)
    let chunks = try (0..<PackTable.openLimit + 50).map { index in
      try store.store(Array("pack \(index)".utf8))
    }
    try store.close()
    #expect(store.packs().count > PackTable.openLimit)
    let again = try fixture.open()
    for chunk in chunks + chunks.reversed() { #expect(try again.read(chunk) == chunk.content) }
  }

  // MARK: Threads

  @Test(arguments: testSeeds())
  func threadsAppendReadAndSyncAtOnce(seed: UInt64) throws {
    let store = try fixture.open(packBytes: 200_000)
    let stored = Mutex<[StoredChunk]>([])
    let problems = Mutex<[String]>([])
    let threads = (0..<8).map { thread in
      WorkerThread(name: "test \(thread)") {
        var generator = SeededGenerator(seed: seed &+ UInt64(thread))
        do {
          for step in 0..<60 {
            let entropy = UInt8.random(in: 1...255, using: &generator)
            let count = Int.random(in: 1...20_000, using: &generator)
            let chunk = try store.store(generator.bytes(count).map { $0 % entropy })
            stored.withLock { $0.append(chunk) }
            if step % 10 == 9 { try store.sync() }
            guard let other = stored.withLock({ $0.randomElement(using: &generator) }) else { continue }
            if try store.read(other) != other.content { problems.withLock { $0.append("read \(other.location)") } }
          }
        } catch {
          problems.withLock { $0.append("\(error)") }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(problems.withLock { $0 } == [])
    try store.close()
    let chunks = stored.withLock { $0 }
    #expect(chunks.count == 8 * 60)
    #expect(store.packs().count > 5)
    #expect(store.packs().allSatisfy { $0.sealed })

    let again = try fixture.open()
    #expect(again.recoveries == [])
    var locations: Set<String> = []
    for pack in again.packs() {
      for record in try fixture.records(pack.number, payloads: true) {
        #expect(record.damage == nil)
        locations.insert("\(record.location) \(record.digest)")
      }
    }
    #expect(locations == Set(chunks.map { "\($0.location) \($0.digest)" }))
  }
}
