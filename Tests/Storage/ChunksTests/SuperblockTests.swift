import Linux
import TestSupport
import Testing

@testable import Chunks

@Suite struct SuperblockTests {
  private let directory = TemporaryDirectory()
  private var disk: LocalDisk { LocalDisk(root: directory.path) }

  private static let example = Superblock(
    storeID: Array(0..<16), created: 1_700_000_000_123_456_789, parameters: .standard,
    nameHashKey: (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908))

  /// Format version 1, byte by byte. A change here is a change of the format.
  private static let golden = """
    434149524e53544f0100000001000000000102030405060708090a0b0c0d0e0f
    15cd853dfe9c9717004000000000010000000400000000000100004e52494143
    000102030405060708090a0b0c0d0e0f00000000000000000000000000000000
    000000000000000000000000000000000000000000000000000000002d1acfc8
    """

  private func failure(_ bytes: [UInt8]) -> StoreError? {
    do throws(StoreError) {
      _ = try Superblock(bytes)
      return nil
    } catch {
      return error
    }
  }

  @Test func theBytesAreFrozen() throws {
    let hexadecimal = Self.example.encoded().map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    let lines = stride(from: 0, to: hexadecimal.count, by: 32).map { hexadecimal[$0..<$0 + 32].joined() }
    #expect(lines.joined(separator: "\n") == Self.golden)
    #expect(try Superblock(Self.example.encoded()) == Self.example)
  }

  @Test func aNewStoreIsReadBack() throws {
    let made = try Superblock.create(on: disk)
    #expect(try Superblock.read(from: disk) == made)
    #expect(made.parameters == .standard)
    #expect(made.storeID.count == 16)
    #expect(try disk.list("") == ["superblock"])
  }

  @Test func twoStoresDiffer() throws {
    let other = TemporaryDirectory()
    let (a, b) = (try Superblock.create(on: disk), try Superblock.create(on: LocalDisk(root: other.path)))
    #expect(a.storeID != b.storeID)
    #expect(a.nameHashKey != b.nameHashKey)
  }

  @Test func anInterruptedCreationDoesNotHinderTheNext() throws {
    let file = try disk.open("superblock.new", create: true)
    try file.write([UInt8](repeating: 0xEE, count: 1000), at: 0)
    let made = try Superblock.create(on: disk)
    #expect(try Superblock.read(from: disk) == made)
  }

  @Test func aStoreIsNotMadeTwice() throws {
    let made = try Superblock.create(on: disk)
    #expect { try Superblock.create(on: disk) } throws: { error in
      if case .storeExists = error as? StoreError { true } else { false }
    }
    #expect(try Superblock.read(from: disk) == made)
  }

  @Test func anEmptyDirectoryIsNoStore() {
    #expect { try Superblock.read(from: disk) } throws: { error in
      if case .noStore = error as? StoreError { true } else { false }
    }
  }

  @Test func aNewerFormatIsRefusedWithBothVersions() throws {
    var bytes = Self.example.encoded()
    bytes[8] = 2
    guard case .newerFormat("superblock", 2, 1) = failure(bytes) else {
      Issue.record("\(String(describing: failure(bytes)))")
      return
    }
    #expect(
      failure(bytes)?.description
        == "superblock has format version 2, and this program knows versions up to 1; run a newer Cairn")
    // Whatever else a newer version changes: its length, its checksum.
    guard case .newerFormat = failure(Array(bytes.prefix(12))) else {
      Issue.record("a short superblock of a newer version")
      return
    }
  }

  @Test func anotherFileIsNotTakenForASuperblock() {
    for bytes in [[], [0x7F], [UInt8](repeating: 0, count: 128)] {
      guard case .notOurs = failure(bytes) else {
        Issue.record("\(bytes.count) bytes")
        continue
      }
    }
  }

  @Test func everyFlippedBitIsFound() {
    for index in 0..<128 * 8 {
      var bytes = Self.example.encoded()
      bytes[index / 8] ^= 1 << UInt8(index % 8)
      #expect(failure(bytes) != nil, "bit \(index)")
    }
  }

  @Test func aShortSuperblockIsDamaged() {
    guard case .damaged = failure(Array(Self.example.encoded().prefix(127))) else {
      Issue.record("127 bytes were taken")
      return
    }
  }
}
