import Testing

@testable import cairn

@Suite struct QuantitiesTests {
  @Test(
    arguments: [
      ("0", 0), ("4096", 4096), ("4096b", 4096), ("512m", 512 << 20), ("8g", 8 << 30), ("8G", 8 << 30),
      ("1.5TiB", 3 << 39), ("1k", 1024), ("0.5k", 512), (".5g", 1 << 29), ("2kb", 2048), ("8191t", 8191 << 40),
      ("8e18", nil), ("1.", 1), ("8388608t", nil), ("99999999999999999999", nil), ("-1", nil), ("", nil), ("g", nil),
      ("1 g", nil), ("1gg", nil), ("1.2.3g", nil), (".", nil), ("0x10", nil), ("nan", nil), ("inf", nil), ("１g", nil),
    ] as [(String, UInt64?)])
  func bytes(text: String, bytes: UInt64?) {
    #expect(ByteCount(argument: text)?.bytes == bytes)
  }

  @Test(
    arguments: [
      ("45", 45), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400), ("1h30m", 5400), ("0", 0), ("1.5h", 5400),
      ("0.5m", 30), ("0.1s", nil), ("-5", nil), ("", nil), ("h", nil), ("5x", nil), ("1h30", nil), ("2h ", nil),
      ("9223372036854775807d", nil), ("99999999999999999999", nil), ("36525d", 3_155_760_000), ("36526d", nil),
      ("1.h", 3600), (".5h", 1800), ("1..5h", nil),
    ] as [(String, Int?)])
  func seconds(text: String, seconds: Int?) {
    #expect(Seconds(argument: text)?.seconds == seconds)
  }

  @Test func bytesForPeople() {
    #expect(describe(bytes: 0) == "0 B")
    #expect(describe(bytes: 1023) == "1023 B")
    #expect(describe(bytes: 1536) == "1.5 KiB")
    #expect(describe(bytes: 8 << 30) == "8.0 GiB")
    // Rounding must not make 1024 of a unit.
    #expect(describe(bytes: (1 << 20) - 1) == "1.0 MiB")
    #expect(describe(bytes: .max) == "16.0 EiB")
  }

  @Test func spansForPeople() {
    #expect(describe(nanoseconds: -5) == "0s")
    #expect(describe(nanoseconds: 59_999_999_999) == "59s")
    #expect(describe(nanoseconds: 125_000_000_000) == "2m05s")
    #expect(describe(nanoseconds: 7_500_000_000_000) == "2h05m")
    #expect(describe(nanoseconds: 90_000_000_000_000) == "1d01h")
    #expect(describe(nanoseconds: .max) == "106751d23h")
  }

  @Test func timesForPeople() {
    #expect(describe(time: 0) == "1970-01-01T00:00:00Z")
    #expect(describe(time: 1_785_585_600_999_999_999) == "2026-08-01T12:00:00Z")
  }
}
