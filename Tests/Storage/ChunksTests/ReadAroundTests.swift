import Testing

@testable import Chunks

@Suite struct ReadAroundTests {
  private let window = ReadAround.window

  @Test func theFirstReadBringsItsWindow() {
    var readAround = ReadAround()
    #expect(readAround.noteRead(pack: 1, offset: 5 * window + 17, wasCached: false) == 5 * window..<6 * window)
  }

  @Test func whatIsInMemoryIsNotBrought() {
    var readAround = ReadAround()
    #expect(readAround.noteRead(pack: 1, offset: 0, wasCached: true) == nil)
    #expect(readAround.credit.left == Credit.most)
  }

  @Test(arguments: [UInt64.max, UInt64(Int64.max), UInt64(Int64.max) - ReadAround.window + 1])
  func aPlaceThatNoFileHasIsLeftAlone(offset: UInt64) {
    var readAround = ReadAround()
    #expect(readAround.noteRead(pack: 1, offset: offset, wasCached: false) == nil)
  }

  @Test func aReaderWhoGoesOnFindsTheNextWindowBrought() {
    var readAround = ReadAround()
    _ = readAround.noteRead(pack: 1, offset: 0, wasCached: false)
    _ = readAround.noteRead(pack: 1, offset: window, wasCached: false)
    #expect(readAround.noteRead(pack: 1, offset: window + 4096, wasCached: true) == 2 * window..<3 * window)
    #expect(readAround.noteRead(pack: 1, offset: window + 8192, wasCached: true) == nil)
  }

  @Test func readsFarApartBringLittle() {
    var readAround = ReadAround()
    let brought = (0..<10_000).filter {
      readAround.noteRead(pack: UInt64($0), offset: 0, wasCached: false) != nil
    }
    #expect(brought.count <= Credit.most + 10_000 / 64)
  }

  @Test func readsAtRandomOfAFewPacksBringThemWhole() {
    var readAround = ReadAround()
    var generator = SystemRandomNumberGenerator()
    var present: Set<UInt64> = []
    for _ in 0..<4000 {
      let place = UInt64.random(in: 0..<256, using: &generator)
      let range = readAround.noteRead(
        pack: place / 64, offset: place % 64 * window, wasCached: present.contains(place))
      if let range { present.insert(place / 64 * 64 + range.lowerBound / window) }
    }
    #expect(present.count > 240)
  }
}
