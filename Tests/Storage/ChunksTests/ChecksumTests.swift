import Linux
import TestSupport
import Testing

@Suite struct ChecksumTests {
  @Test func `the checksum of RFC 3720's examples is theirs`() {
    #expect(checksum(Array("123456789".utf8)) == 0xE306_9283)
    #expect(checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(checksum([UInt8](0..<32)) == 0x46DD_794E)
  }

  /// Several ways lead through the bytes, depending on how many there are.
  @Test(arguments: testSeeds())
  func `bytes of any length have the checksum that the definition gives`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let bytes = generator.bytes(10_000)
    for length in Array(0...64) + (0..<200).map({ _ in Int.random(in: 0...bytes.count, using: &generator) }) {
      let start = Int.random(in: 0...bytes.count - length, using: &generator)
      let part = Array(bytes[start..<start + length])
      let begin = UInt32.random(in: 0 ... .max, using: &generator)
      #expect(checksum(part, seed: begin) == defined(part, seed: begin), "seed \(seed), \(length) bytes")
    }
  }

  private func checksum(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { crc32c($0, seed: seed) }
  }

  private func defined(_ bytes: [UInt8], seed: UInt32) -> UInt32 {
    var crc = ~seed
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
    }
    return ~crc
  }
}
