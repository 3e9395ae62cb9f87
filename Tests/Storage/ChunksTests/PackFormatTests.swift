import TestSupport
import Testing

@testable import Chunks

@Suite struct PackFormatTests {
  /// A sealed pack with two raw chunks, "cairn" and 20 bytes from 0 on. A change here is a change of the format.
  private static let golden = """
    434149524e50414b01000000000000006465666768696a6b6c6d6e6f70717273
    2a0000000000000000000000000000000000000000000000000000001331d70b
    435245430100000005000000050000004a9909a9516d02fd4c729a45922398fb
    41c398c235423a5304085bc923a8db6707000000000000000fbf311663616972
    6e0000000000000043524543010000001400000014000000e7aebf577f60412f
    0312d442c70a1fa6148c090bf5bab404caec29482ae779e80807060504030201
    bbf32c90000102030405060708090a0b0c0d0e0f101112134a9909a9516d02fd
    4c729a45922398fb41c398c235423a5304085bc923a8db674000000000000000
    070000000000000005000000050000000000000000000000e7aebf577f60412f
    0312d442c70a1fa6148c090bf5bab404caec29482ae779e88800000000000000
    080706050403020114000000140000000000000000000000434149524e454e44
    01000000ca414ee66465666768696a6b6c6d6e6f707172732a00000000000000
    d800000000000000020000000000000000000000f71127f1
    """

  @Test func theBytesOfAPackAreFrozen() throws {
    let fixture = PackFixture()
    let store = try fixture.open(nextPack: 0x2A)
    _ = try store.store(Array("cairn".utf8), as: 7)
    _ = try store.store(Array(0..<20), as: 0x0102_0304_0506_0708)
    try store.close()
    let hexadecimal = try fixture.bytes(0x2A).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }
    let lines = stride(from: 0, to: hexadecimal.count, by: 32).map {
      hexadecimal[$0..<min($0 + 32, hexadecimal.count)].joined()
    }
    #expect(lines.joined(separator: "\n") == Self.golden)
  }

  @Test func aPacksNameIsItsNumberInSixteenDigits() {
    #expect(PackFormat.path(0x2A) == "packs/000000000000002a.pack")
    #expect(PackFormat.number(ofFile: "000000000000002a.pack") == 0x2A)
    #expect(PackFormat.number(ofFile: "ffffffffffffffff.pack") == .max)
  }

  @Test(arguments: [
    "", "2a.pack", "000000000000002A.pack", "000000000000002a.pac", "000000000000002a.pack~", "+00000000000002a.pack",
    "00000000000000é.pack", ".nfs0000000000000001",
  ])
  func otherFilesAreNoPacks(name: String) {
    #expect(PackFormat.number(ofFile: name) == nil)
  }

  @Test(arguments: testSeeds(4))
  func hostileBytesAreNoRecords(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      var bytes = generator.bytes(72)
      bytes.replaceSubrange(0..<8, with: [0x43, 0x52, 0x45, 0x43, 1, UInt8.random(in: 0...3, using: &generator), 0, 0])
      bytes.withUnsafeBytes { bytes in
        guard let header = RecordHeader(bytes) else { return }
        #expect(!header.checksumHolds(bytes, checksumSeed: 0))
      }
    }
  }
}
