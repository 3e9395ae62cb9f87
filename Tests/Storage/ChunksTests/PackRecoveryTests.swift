import Linux
import TestSupport
import Testing

@testable import Chunks

/// Packs as a killed process or a power cut leaves them.
@Suite struct PackRecoveryTests {
  private let fixture = PackFixture()

  /// Chunks in a pack that is not sealed, as its process died.
  private func abandon(_ contents: [[UInt8]]) throws -> [StoredChunk] {
    let store = try fixture.open()
    let chunks = try contents.map { try store.store($0) }
    try store.sync()
    return chunks
  }

  private func end(of chunk: StoredChunk) -> UInt64 {
    chunk.location.offset + RecordHeader.paddedLength(storedLength: chunk.location.storedLength)
  }

  @Test func anAbandonedPackIsSealedWithAllItsRecords() throws {
    let chunks = try abandon([[1], [2, 2], Array(repeating: 3, count: 10_000)])
    let store = try fixture.open()
    #expect(store.recoveries == [PackRecovery(pack: 1, outcome: .sealed, records: 3, damagedRecords: 0)])
    for chunk in chunks { #expect(try store.read(chunk) == chunk.content) }
    #expect(try fixture.scanner(1).isSealed)
    #expect(try fixture.records(1, payloads: true).map(\.location) == chunks.map(\.location))
    // It is what its own process would have made of it.
    let recovered = try fixture.bytes(1)
    let other = PackFixture()
    let undisturbed = try other.open()
    for chunk in chunks { _ = try undisturbed.store(chunk.content) }
    try undisturbed.close()
    #expect(try other.bytes(1) == recovered)
    #expect(try fixture.open().recoveries == [])
  }

  @Test(arguments: testSeeds(2))
  func aTornTailIsCutWhereverItIsTorn(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let chunks = try abandon((0..<4).map { _ in generator.bytes(100) })
    let whole = try fixture.bytes(1)
    for length in stride(from: chunks[1].location.offset + 1, through: end(of: chunks[3]), by: 5) {
      try fixture.disk.open(PackFormat.path(1), create: true).write(whole, at: 0)
      try fixture.cut(1, to: length)
      let kept = chunks.filter { $0.location.offset + UInt64(RecordHeader.length) + 100 <= length }
      let store = try fixture.open()
      #expect(store.recoveries.map(\.outcome) == [.sealed], "cut at \(length)")
      #expect(try fixture.records(1, payloads: true).map(\.digest) == kept.map(\.digest), "cut at \(length)")
      for chunk in kept { #expect(try store.read(chunk) == chunk.content) }
    }
  }

  @Test func aSyncedRecordBehindOneThatWasNeverWrittenIsKept() throws {
    let chunks = try abandon((1...5).map { Array(repeating: UInt8($0), count: 3000) })
    let file = try fixture.disk.open(PackFormat.path(1), create: false)
    let hole = [UInt8](repeating: 0, count: Int(end(of: chunks[2]) - chunks[1].location.offset))
    try file.write(hole, at: chunks[1].location.offset)
    let store = try fixture.open()
    #expect(store.recoveries == [PackRecovery(pack: 1, outcome: .sealed, records: 3, damagedRecords: 0)])
    for index in [0, 3, 4] { #expect(try store.read(chunks[index]) == chunks[index].content) }
  }

  @Test func aPackThatWasOnlyBegunIsRemoved() throws {
    let chunk = try abandon([[1, 2, 3]])[0]
    try fixture.cut(1, to: chunk.location.offset)
    let store = try fixture.open()
    #expect(store.recoveries == [PackRecovery(pack: 1, outcome: .removed, records: 0, damagedRecords: 0)])
    #expect(try fixture.disk.list("packs") == [])
    #expect(try store.store([1]).location.pack == 2)
  }

  @Test func anEmptyFileIsRemoved() throws {
    _ = try abandon([[1, 2, 3]])
    try fixture.cut(1, to: 0)
    #expect(try fixture.open().recoveries.map(\.outcome) == [.removed])
  }

  @Test func aFlippedBitInTheFooterLosesNothing() throws {
    let store = try fixture.open()
    let chunks = try (0..<3).map { try store.store(Array(repeating: UInt8($0), count: 500)) }
    try store.close()
    let sealed = try fixture.bytes(1)
    let path = PackFormat.path(1)
    for index in Int(end(of: chunks[2])) * 8..<sealed.count * 8 where index % 3 == 0 {
      try fixture.flip(1, UInt64(index / 8), bit: UInt8(index % 8))
      #expect(try !fixture.scanner(1).isSealed, "bit \(index)")
      #expect(try fixture.records(1, payloads: false).map(\.location) == chunks.map(\.location), "bit \(index)")
      _ = try fixture.open()
      #expect(try fixture.bytes(1) == sealed, "bit \(index)")
      try fixture.disk.open(path, create: false).write(sealed, at: 0)
    }
  }

  @Test func aDamagedHeaderOfAnAbandonedPackIsMended() throws {
    let chunk = try abandon([[1, 2, 3]])[0]
    try fixture.flip(1, 3)
    #expect(try !fixture.scanner(1).hasGoodHeader)
    let store = try fixture.open()
    #expect(try store.read(chunk) == [1, 2, 3])
    #expect(try fixture.scanner(1).hasGoodHeader)
  }

  @Test func aDamagedRecordInTheMiddleIsLeftInItsPlace() throws {
    let chunks = try abandon((0..<3).map { Array(repeating: UInt8($0), count: 2000) })
    try fixture.flip(1, chunks[1].location.offset + 70)
    let found = try fixture.records(1, payloads: true)
    #expect(found.map { $0.damage != nil } == [false, true, false])
    #expect(found.map(\.location) == chunks.map(\.location))
    let store = try fixture.open()
    #expect(store.recoveries == [PackRecovery(pack: 1, outcome: .sealed, records: 2, damagedRecords: 1)])
    #expect(isDamaged(chunks[1].location) { _ = try store.read(chunks[1]) })
    #expect(try store.read(chunks[2]) == chunks[2].content)
  }

  /// A user stores bytes that look like a record of a chunk that he would like to replace: with a false
  /// digest under a checksum that holds, or a true one, of his own content, without knowing the store's ID.
  @Test(arguments: [true, false])
  func contentThatLooksLikeARecordIsNotBelieved(isChecksumRight: Bool) throws {
    let fake = [UInt8]("something else!!".utf8)
    let victim = Digest(of: isChecksumRight ? Array("the real content".utf8) : fake)
    let seed = RecordHeader.checksumSeed(storeID: isChecksumRight ? PackFixture.storeID : [])
    var record = [UInt8](repeating: 0, count: RecordHeader.length + fake.count + 8)
    record.replaceSubrange(RecordHeader.length..<RecordHeader.length + fake.count, with: fake)
    record.withUnsafeMutableBytes {
      RecordHeader(codec: .raw, storedLength: 16, length: 16, digest: victim, chunk: 1)
        .encode(into: $0, checksumSeed: seed)
    }
    var generator = SeededGenerator(seed: 8)
    // 4 bytes in front: a record's payload begins 60 bytes after a multiple of 8.
    let chunk = try abandon([generator.bytes(4) + record + generator.bytes(500), [1]])[0]
    #expect(chunk.location.codec == .raw)
    try fixture.flip(1, chunk.location.offset + 1)
    let found = try fixture.records(1, payloads: true)
    #expect(found.map(\.digest) == [victim, Digest(of: [1])])
    #expect(found.map { $0.damage != nil } == [true, false])
    _ = try fixture.open()
    #expect(try fixture.records(1, payloads: false).map(\.digest) == [Digest(of: [1])])
  }

  @Test func aPackOfAnotherStoreIsRefused() throws {
    _ = try abandon([[1]])
    #expect { try PackStore(disk: fixture.disk, storeID: Array(0..<16), nextPack: 1) } throws: {
      if case .foreignPack("packs/0000000000000001.pack") = $0 as? StoreError { true } else { false }
    }
  }

  @Test func aPackOfANewerFormatIsRefused() throws {
    _ = try abandon([[1]])
    var header = PackFormat.header(storeID: PackFixture.storeID, pack: 1)
    header[8] = 2
    let checksum = header[..<60].withUnsafeBytes { crc32c($0) }
    header.withUnsafeMutableBytes { $0.storeLittleEndian(checksum, at: 60) }
    try fixture.disk.open(PackFormat.path(1), create: false).write(header, at: 0)
    #expect { try fixture.open() } throws: {
      if case .newerFormat("packs/0000000000000001.pack", 2, 1) = $0 as? StoreError { true } else { false }
    }
  }

  @Test func otherFilesAmongThePacksAreLeftAlone() throws {
    let chunk = try abandon([[1]])[0]
    _ = try fixture.disk.open("packs/notes.txt", create: true)
    #expect(try fixture.open().read(chunk) == [1])
    #expect(fixture.disk.exists("packs/notes.txt"))
  }

  @Test func aKnownPackIsNotOpenedAtTheStart() throws {
    let store = try fixture.open()
    let chunk = try store.store([1, 2, 3])
    try store.close()
    let bytes = store.packs()[0].bytes
    // With its trailer gone it would be sealed anew, were it looked at.
    try fixture.cut(1, to: bytes - 1)
    let again = try fixture.open(known: [1: bytes])
    #expect(again.recoveries == [])
    #expect(again.packs().map(\.bytes) == [bytes])
    #expect(try again.read(chunk) == [1, 2, 3])
  }
}
