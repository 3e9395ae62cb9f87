import Catalog
import Testing

@Suite struct ExtentCodecTests {
  let span = ExtentPage.span

  @Test func aPageWithoutExtentsIsItsVersionAlone() throws {
    #expect(try ExtentCodec.encode([], page: 3) == [1])
    #expect(try decode([1], page: 3) == [])
  }

  /// A golden vector: catalogs that exist hold these very bytes.
  @Test func theFormatIsFrozen() throws {
    let extents = [
      Extent(offset: span, length: 65536, content: .chunk(1000, offset: 0)),
      Extent(offset: span + 65536, length: 300, content: .chunk(1001, offset: 0)),
      Extent(offset: span + 70000, length: 5, content: .chunk(900, offset: 17)),
      Extent(offset: span + 70010, length: 3, content: .inline([7, 8, 9])),
      Extent(offset: span + 70013, length: 4096, content: .zeros),
    ]
    let expected: [UInt8] = [
      0x01,
      0x01, 0x80, 0x80, 0x04, 0xd0, 0x0f,
      0x00, 0xac, 0x02,
      0xa2, 0x84, 0x02, 0x05, 0xc9, 0x01, 0x11,
      0x2b, 0x03, 7, 8, 9,
      0x04, 0x80, 0x20,
    ]
    let encoded = try ExtentCodec.encode(extents, page: 1)
    #expect(encoded == expected)
    #expect(try decode(encoded, page: 1) == extents)
  }

  @Test func consecutiveChunksTakeFewBytes() throws {
    let extents = (0..<256).map { index in
      Extent(offset: UInt64(index) << 16, length: 1 << 16, content: .chunk(5_000_000 + UInt64(index), offset: 0))
    }
    #expect(try ExtentCodec.encode(extents, page: 0).count <= 4 * 256 + 8)
  }

  @Test(arguments: seeds) func whatIsEncodedIsDecoded(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<300 {
      let page = random.below(4) == 0 ? (1 << 39) - 1 : UInt64(random.below(1000))
      let extents = randomExtents(page: page, chunks: 1 << 20, &random)
      let encoded = try ExtentCodec.encode(extents, page: page)
      #expect(try decode(encoded, page: page) == extents, "seed \(seed)")
    }
  }

  @Test(arguments: [
    [Extent(offset: 0, length: 0, content: .inline([]))],
    [Extent(offset: 0, length: 2, content: .inline([1]))],
    [Extent(offset: 0, length: 1, content: .staged(segment: 1, offset: 0))],
    [Extent(offset: 5, length: 5, content: .chunk(1, offset: 0)), Extent(offset: 9, length: 1, content: .inline([1]))],
    [Extent(offset: 9, length: 1, content: .inline([1])), Extent(offset: 5, length: 1, content: .inline([1]))],
    [Extent(offset: (16 << 20) - 1, length: 2, content: .inline([1, 2]))],
    [Extent(offset: 16 << 20, length: 1, content: .inline([1]))],
    [Extent(offset: 0, length: 2, content: .chunk(1, offset: .max))],
    [Extent(offset: 1, length: .max, content: .chunk(1, offset: 0))],
  ]) func whatIsNoPageIsNotEncoded(extents: [Extent]) {
    #expect(throws: ExtentCodecError.self) { try ExtentCodec.encode(extents, page: 0) }
  }

  /// Bytes that are nearly right: the reader must refuse them, or read what the writer would write
  /// in the same bytes. It must never trap.
  @Test(arguments: seeds) func hostileBytesAreRefusedOrCanonical(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var refused = 0
    for round in 0..<20_000 {
      let page: UInt64 = round % 3 == 0 ? (1 << 39) - 1 : 2
      var bytes: [UInt8]
      if round % 2 == 0 {
        bytes = [1] + (0..<random.below(40)).map { _ in UInt8.random(in: 0...255, using: &random) }
      } else {
        bytes = try ExtentCodec.encode(randomExtents(page: page, chunks: 5000, &random), page: page)
        for _ in 0...random.below(3) { bytes[random.below(bytes.count)] = UInt8.random(in: 0...255, using: &random) }
        if random.below(4) == 0 { bytes.removeLast(random.below(bytes.count)) }
      }
      guard let extents = try? decode(bytes, page: page) else {
        refused += 1
        continue
      }
      #expect(try ExtentCodec.encode(extents, page: page) == bytes, "seed \(seed), round \(round)")
    }
    #expect(refused > 1000, "seed \(seed)")
  }

  @Test(
    arguments: [
      [], [0], [2], [1, 0], [1, 1, 1], [1, 3, 2, 9], [1, 0, 0], [1, 5, 1], [1, 4, 0],
      // A number of eleven bytes, one of ten that is past 64 bits, one with a byte too many.
      [1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
      [1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2],
      [1, 0, 0x81, 0],
      // The longest extent there could be, after the largest distance.
      [1, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1],
      [1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
      // Chunk 1 after chunk 0, in the long form.
      [1, 1, 1, 2],
    ] as [[UInt8]]) func damageIsRefused(bytes: [UInt8])
  {
    #expect(throws: ExtentCodecError.self) { try decode(bytes, page: 0) }
  }

  private func decode(_ bytes: [UInt8], page: UInt64) throws -> [Extent] {
    try bytes.withUnsafeBytes { try ExtentCodec.decode($0, page: page) }
  }
}

/// Extents in order within a page: chunks that follow each other and others, parts of them, inline
/// bytes, zeros and holes.
func randomExtents(page: UInt64, chunks: Int, _ random: inout SeededGenerator) -> [Extent] {
  var extents: [Extent] = []
  var offset = page * ExtentPage.span
  let end = offset + ExtentPage.span
  var chunk = UInt64(random.below(chunks))
  for _ in 0..<random.below(12) {
    if random.below(3) == 0 { offset += UInt64(random.below(1 << 20)) }
    chunk = random.below(2) == 0 ? (chunk + 1) % UInt64(chunks) : UInt64(random.below(chunks))
    let isInline = random.below(4) == 0
    let length = UInt64(1 + random.below(isInline ? 20 : 1 << 20))
    guard offset + length <= end else { break }
    let content: Extent.Content =
      switch random.below(6) {
      case _ where isInline: .inline((0..<length).map { UInt8(truncatingIfNeeded: $0) })
      case 0: .zeros
      case 1, 2: .chunk(chunk, offset: UInt32(random.below(1 << 20)))
      default: .chunk(chunk, offset: 0)
      }
    extents.append(Extent(offset: offset, length: length, content: content))
    offset += length
  }
  // Up to the border, to the byte.
  if random.below(3) == 0, offset < end {
    extents.append(Extent(offset: offset, length: end - offset, content: .chunk(chunk, offset: 0)))
  }
  return extents
}
