import TestSupport
import Testing

@testable import Chunks

private func cuts(_ content: [UInt8], _ parameters: ChunkParameters = .standard) -> [Int] {
  let chunker = Chunker(parameters)
  return content.withUnsafeBytes { bytes in
    var lengths: [Int] = []
    var rest = bytes
    while !rest.isEmpty {
      let length = chunker.cut(rest)
      lengths.append(length)
      rest = UnsafeRawBufferPointer(rebasing: rest[length...])
    }
    return lengths
  }
}

private func digests(_ content: [UInt8], _ parameters: ChunkParameters) -> [Digest] {
  var start = 0
  return cuts(content, parameters).map { length in
    defer { start += length }
    return content[start..<start + length].withUnsafeBytes { Digest(of: $0) }
  }
}

@Suite struct ChunkerTests {
  /// Small, so that few bytes make many chunks.
  private static let small = ChunkParameters(minimum: 256, average: 1024, maximum: 4096, gearSeed: 1)

  // MARK: Golden vectors. A change of any of these is a change of the format.

  @Test func theStandardParametersAreFrozen() {
    #expect(
      ChunkParameters.standard
        == ChunkParameters(minimum: 16384, average: 65536, maximum: 262144, gearSeed: 0x4341_4952_4E00_0001))
  }

  @Test func theGearTableIsFrozen() {
    let table = Chunker.gearTable(seed: ChunkParameters.standard.gearSeed)
    #expect(table.count == 256)
    #expect(Array(table.prefix(4)) == [0x84DA0778B624F7C0, 0x271931ACA2D98D5E, 0xE5D042120DBD39F3, 0x396168D5CF00F68B])
    let bytes = table.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
    #expect(
      bytes.withUnsafeBytes { Digest(of: $0).hexadecimal }
        == "06cb662826522d8247d3bce4e82681403175dd57f5da8f60f137abadca1c4655")
  }

  @Test func theGearTableIsSplitmix64() {
    // The first outputs for the seed 0, as published with the generator.
    #expect(Array(Chunker.gearTable(seed: 0).prefix(2)) == [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4])
  }

  @Test func theCutPointsAreFrozen() {
    var generator = SeededGenerator(seed: 1)
    let content = generator.bytes(1 << 20)
    #expect(
      cuts(content) == [86888, 124173, 87150, 71577, 97609, 116694, 70318, 80592, 66648, 74419, 66810, 64038, 41660])
  }

  @Test func theCutPointsOfSmallChunksAreFrozen() {
    var generator = SeededGenerator(seed: 2)
    let content = generator.bytes(16 << 10)
    #expect(
      cuts(content, Self.small) == [1111, 1198, 973, 1342, 1310, 1152, 1878, 813, 1346, 1025, 1847, 1151, 969, 269])
  }

  // MARK: Properties

  @Test func theMeanLengthIsTheDocumentedOne() {
    // Against masks that are wrong in a way that only statistics show: chunks that all end near the minimum.
    #expect(abs(ChunkParameters.standard.expectedLength / 1024 - 73.0) < 0.1)
    var generator = SeededGenerator(seed: 3)
    let lengths = cuts(generator.bytes(16 << 20), Self.small).dropLast()
    let mean = Double(lengths.reduce(0, +)) / Double(lengths.count)
    let expected = Self.small.expectedLength
    #expect(abs(mean / expected - 1) < 0.1, "mean \(mean), expected \(expected)")
    let nearMinimum = lengths.count { $0 < Self.small.minimum + Self.small.minimum / 8 }
    #expect(Double(nearMinimum) / Double(lengths.count) < 0.02)
    #expect(lengths.allSatisfy { $0 >= Self.small.minimum && $0 <= Self.small.maximum })
  }

  @Test func theMeanLengthOfStandardChunksIsTheDocumentedOne() {
    var generator = SeededGenerator(seed: 4)
    let lengths = cuts(generator.bytes(48 << 20)).dropLast()
    let mean = Double(lengths.reduce(0, +)) / Double(lengths.count)
    #expect(abs(mean / ChunkParameters.standard.expectedLength - 1) < 0.1, "mean \(mean)")
  }

  @Test(arguments: testSeeds(4))
  func aByteInFrontChangesOneChunkIn20AtMost(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let content = generator.bytes(1 << 20)
    let before = digests(content, Self.small)
    let after = Set(digests([0x5A] + content, Self.small))
    let kept = before.count { after.contains($0) }
    #expect(Double(kept) > 0.95 * Double(before.count), "\(kept) of \(before.count)")
  }

  @Test(arguments: testSeeds(4))
  func anEditInTheMiddleChangesTheChunksAroundItOnly(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let content = generator.bytes(1 << 20)
    var edited = content
    edited.replaceSubrange(500_000..<500_100, with: generator.bytes(37))
    let before = digests(content, Self.small)
    let after = Set(digests(edited, Self.small))
    #expect(before.count { !after.contains($0) } <= before.count / 20)
  }

  @Test(arguments: testSeeds(4))
  func chunksKeepTheirBoundsWhateverTheContent(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let period = generator.bytes(Int.random(in: 1...700, using: &generator))
    let contents: [[UInt8]] = [
      [], [7], generator.bytes(Self.small.minimum), generator.bytes(Self.small.minimum + 1),
      Array(repeating: 0, count: 100_000), Array(repeating: 0xFF, count: Self.small.maximum + 1),
      (0..<100_000).map { period[$0 % period.count] }, generator.bytes(Int.random(in: 0...100_000, using: &generator)),
    ]
    for content in contents {
      let lengths = cuts(content, Self.small)
      #expect(lengths.reduce(0, +) == content.count)
      #expect(lengths.dropLast().allSatisfy { $0 >= Self.small.minimum })
      #expect(lengths.allSatisfy { $0 >= 1 && $0 <= Self.small.maximum })
    }
  }

  @Test(arguments: testSeeds(2))
  func aCutNeedsNoMoreThanTheMaximum(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let content = generator.bytes(2 * Self.small.maximum)
    let chunker = Chunker(Self.small)
    content.withUnsafeBytes { bytes in
      let atLeast = UnsafeRawBufferPointer(rebasing: bytes[..<Self.small.maximum])
      #expect(chunker.cut(bytes) == chunker.cut(atLeast))
    }
  }

  @Test func parametersOutOfRangeAreNotValid() {
    #expect(ChunkParameters.standard.isValid)
    #expect(!ChunkParameters(minimum: 63, average: 1024, maximum: 4096, gearSeed: 1).isValid)
    #expect(!ChunkParameters(minimum: 256, average: 1000, maximum: 4096, gearSeed: 1).isValid)
    #expect(!ChunkParameters(minimum: 1024, average: 1024, maximum: 4096, gearSeed: 1).isValid)
    #expect(!ChunkParameters(minimum: 256, average: 1024, maximum: 1024, gearSeed: 1).isValid)
    #expect(!ChunkParameters(minimum: 256, average: 1024, maximum: 1 << 25, gearSeed: 1).isValid)
    #expect(!ChunkParameters(minimum: 0, average: 0, maximum: 0, gearSeed: 1).isValid)
  }
}
