import Testing

@testable import ControlAPI

@Suite struct ByteRangeTests {
  @Test(
    arguments: [
      ("bytes=0-0", 0..<1), ("bytes=0-99", 0..<100), ("bytes=90-", 90..<100), ("bytes=-10", 90..<100),
      ("bytes=-1000", 0..<100), ("bytes=50-18446744073709551615", 50..<100), ("bytes=99-99", 99..<100),
    ] as [(String, Range<UInt64>)])
  func aRangeIsCutToTheFile(header: String, range: Range<UInt64>) {
    #expect(byteRange(header, size: 100) == range)
  }

  @Test(arguments: [
    "", "bytes", "bytes=", "bytes=-", "bytes=100-", "bytes=5-4", "bytes=-0", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1",
    "bytes=18446744073709551616-", "bytes= 0-1", "bytes=0--1", "bytes=--5", "bytes=1-2-3", "bytes=0x1-2",
  ])
  func whatIsNoRangeInTheFileIsNone(header: String) {
    #expect(byteRange(header, size: 100) == nil)
  }

  @Test func anEmptyFileHasNoRange() {
    #expect(byteRange("bytes=0-", size: 0) == nil)
    #expect(byteRange("bytes=-5", size: 0) == nil)
    #expect(byteRange("bytes=0-0", size: 0) == nil)
  }
}
