import Catalog
import Chunks
import TestSupport
import Testing

@testable import FileSystem

/// Compares the surgery on lists of extents with the same on arrays with an element for each byte.
@Suite struct ExtentMapTests {
  /// Where a byte is; nil: in a hole.
  private enum Place: Equatable {
    case chunk(ChunkID, UInt64)
    case staged(UInt64, UInt64)
    case inline(UInt8)
    case zero
  }

  private static let length = 200

  private func bytes(_ extents: [Extent]) -> [Place?] {
    var result = [Place?](repeating: nil, count: Self.length)
    var end: UInt64 = 0
    for extent in extents {
      #expect(extent.offset >= end && extent.length > 0, "in order, without overlaps, none empty")
      end = extent.end
      for index in 0..<extent.length {
        result[Int(extent.offset + index)] =
          switch extent.content {
          case .chunk(let chunk, let offset): .chunk(chunk, UInt64(offset) + index)
          case .staged(let segment, let offset): .staged(segment, offset + index)
          case .inline(let bytes): .inline(bytes[Int(index)])
          case .zeros: .zero
          }
      }
    }
    return result
  }

  private func extent(_ range: Range<UInt64>, _ generator: inout SeededGenerator) -> Extent {
    let length = UInt64(range.count)
    let place = UInt64.random(in: 0..<50, using: &generator)
    let content: Extent.Content =
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: .chunk(1 + place % 3, offset: UInt32(range.lowerBound))
      case 1: .staged(segment: place % 2, offset: range.lowerBound + place % 2)
      case 2: .inline(generator.bytes(Int(length)))
      default: .zeros
      }
    return Extent(offset: range.lowerBound, length: length, content: content)
  }

  private func range(_ generator: inout SeededGenerator) -> Range<UInt64> {
    let start = UInt64.random(in: 0..<UInt64(Self.length), using: &generator)
    return start..<UInt64.random(in: start + 1...UInt64(Self.length), using: &generator)
  }

  @Test(arguments: testSeeds(50))
  func `lists of extents change as the bytes do`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var list: [Extent] = []
    var model = [Place?](repeating: nil, count: Self.length)
    for _ in 0..<100 {
      let range = range(&generator)
      var new: [Extent] = []
      if generator.next() % 3 != 0 {
        let middle = UInt64.random(in: range.lowerBound...range.upperBound, using: &generator)
        if middle > range.lowerBound { new.append(extent(range.lowerBound..<middle, &generator)) }
        if middle < range.upperBound, generator.next() % 2 == 0 {
          new.append(extent(middle..<range.upperBound, &generator))
        }
      }
      ExtentMap.replace(&list, range, with: new)
      model.replaceSubrange(
        Int(range.lowerBound)..<Int(range.upperBound),
        with: bytes(new)[Int(range.lowerBound)..<Int(range.upperBound)])
      #expect(bytes(list) == model)
      let window = self.range(&generator)
      let cut = bytes(ExtentMap.extents(list, in: window))
      for index in 0..<Self.length {
        #expect(cut[index] == (window.contains(UInt64(index)) ? model[index] : nil))
      }
      let count = model[Int(window.lowerBound)..<Int(window.upperBound)].count { $0 != nil }
      #expect(ExtentMap.allocated(list, in: window) == UInt64(count))
    }
  }

  @Test func `what goes on in the same place is one extent`() {
    var list: [Extent] = []
    ExtentMap.append(Extent(offset: 0, length: 10, content: .chunk(7, offset: 5)), to: &list)
    ExtentMap.append(Extent(offset: 10, length: 10, content: .chunk(7, offset: 15)), to: &list)
    ExtentMap.append(Extent(offset: 20, length: 10, content: .chunk(7, offset: 26)), to: &list)
    ExtentMap.append(Extent(offset: 31, length: 10, content: .zeros), to: &list)
    ExtentMap.append(Extent(offset: 41, length: 10, content: .zeros), to: &list)
    #expect(list.map(\.length) == [20, 10, 20])
  }

  @Test func `extents are cut at the borders of pages`() {
    let span = ExtentPage.span
    let pieces = ExtentMap.splitAtPages([
      Extent(offset: span - 10, length: span + 30, content: .staged(segment: 1, offset: 100))
    ])
    #expect(pieces.map(\.page) == [0, 1, 2])
    #expect(pieces.flatMap(\.extents).map(\.length) == [10, span, 20])
    #expect(pieces[2].extents[0].content == .staged(segment: 1, offset: 110 + span))
  }

  /// What a checkpoint makes of staged bytes is put into other files' maps byte by byte.
  @Test(arguments: testSeeds(50))
  func `staged bytes are translated wherever they are`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var translation = StagedTranslation()
    var known: [UInt64: [UInt64: Place]] = [:]
    for _ in 0..<Int.random(in: 0..<6, using: &generator) {
      let place = range(&generator)
      let segment = UInt64.random(in: 0..<2, using: &generator)
      // Bytes that several files share have become the same bytes, wherever they are now.
      let old = Extent(
        offset: 1000, length: UInt64(place.count), content: .staged(segment: segment, offset: place.lowerBound))
      let new = Extent(
        offset: 1000, length: UInt64(place.count), content: .chunk(50 + segment, offset: UInt32(place.lowerBound)))
      translation.add([old], became: [new])
      for offset in place { known[segment, default: [:]][offset] = .chunk(50 + segment, offset) }
    }
    translation.prepare()
    for _ in 0..<50 {
      var list: [Extent] = []
      for _ in 0..<4 {
        let range = range(&generator)
        ExtentMap.replace(&list, range, with: [extent(range, &generator)])
      }
      let expected = bytes(list).map { place -> Place? in
        if case .staged(let segment, let offset) = place { known[segment]?[offset] ?? place } else { place }
      }
      let result = translation.apply(list)
      #expect(bytes(result ?? list) == expected)
      #expect((result == nil) == (bytes(list) == expected))
    }
  }
}
