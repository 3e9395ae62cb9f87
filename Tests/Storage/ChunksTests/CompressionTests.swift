import TestSupport
import Testing

@testable import Chunks

private func encode(_ content: [UInt8]) -> (codec: Codec, payload: [UInt8]) {
  var codec = Codec.raw
  let payload = [UInt8](unsafeUninitializedCapacity: content.count) { buffer, filled in
    (codec, filled) = content.withUnsafeBytes { Compression.encode($0, into: UnsafeMutableRawBufferPointer(buffer)) }
  }
  return (codec, payload)
}

/// The first `part` of `count` bytes, or all of them; nil where the payload is refused.
private func decode(_ payload: [UInt8], _ codec: Codec, count: Int, part: Int? = nil) -> [UInt8]? {
  var content = [UInt8](repeating: 0, count: part ?? count)
  let good = payload.withUnsafeBytes { payload in
    content.withUnsafeMutableBytes { Compression.decode(payload, codec, length: count, into: $0) }
  }
  return good ? content : nil
}

@Suite struct CompressionTests {
  @Test(arguments: testSeeds(4))
  func whatIsEncodedDecodes(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for count in [1, 2, 100, 65_536, Int.random(in: 1...300_000, using: &generator)] {
      let entropy = UInt8.random(in: 1...255, using: &generator)
      let content = generator.bytes(count).map { $0 % entropy }
      let (codec, payload) = encode(content)
      #expect(payload.count <= content.count)
      #expect(decode(payload, codec, count: count) == content)
      let part = Int.random(in: 1...count, using: &generator)
      #expect(decode(payload, codec, count: count, part: part) == Array(content[..<part]))
    }
  }

  @Test func whatSavesLessThanTwentyFifthStaysRaw() {
    var generator = SeededGenerator(seed: 1)
    // Random but for a run of zeros, of which LZ4 saves nearly all.
    let tooLittle = generator.bytes(9_700) + [UInt8](repeating: 0, count: 300)
    #expect(encode(tooLittle).codec == .raw)
    let enough = generator.bytes(9_000) + [UInt8](repeating: 0, count: 1_000)
    #expect(encode(enough).codec == .lz4)
    #expect(encode(enough).payload.count <= 9_600)
  }

  @Test func aPayloadOfFormatVersion1Decodes() {
    // "cairn " 8 times, as an LZ4 block: 6 literals, a match of 37 at distance 6, 5 literals.
    let payload: [UInt8] = [0x6F] + Array("cairn ".utf8) + [6, 0, 37 - 19] + [0x50] + Array("airn ".utf8)
    #expect(decode(payload, .lz4, count: 48) == Array(String(repeating: "cairn ", count: 8).utf8))
  }

  @Test func aPayloadOfAnotherLengthIsRefused() {
    let content = [UInt8](repeating: 7, count: 1000)
    let (codec, payload) = encode(content)
    #expect(codec == .lz4)
    #expect(decode(payload, .lz4, count: 999) == nil)
    #expect(decode(payload, .lz4, count: 1001) == nil)
    #expect(decode(content, .raw, count: 999) == nil)
    #expect(decode([], .lz4, count: 10) == nil)
  }

  @Test(arguments: testSeeds(4))
  func hostilePayloadsAreRefusedOrDecodeToTheLengthAsked(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      let payload = generator.bytes(Int.random(in: 1...200, using: &generator))
      let count = Int.random(in: 1...400, using: &generator)
      let content = decode(payload, .lz4, count: count)
      #expect(content == nil || content?.count == count)
      _ = decode(payload, .lz4, count: count, part: Int.random(in: 1...count, using: &generator))
    }
  }
}
