import Testing

@testable import Containers

struct ContainerLogTests {
  private func parse(_ text: String) -> [LogLine] {
    var parser = ContainerLogParser()
    return parser.parse(Array(text.utf8)) + parser.finish()
  }

  @Test func `lines have a time, a stream and a text`() {
    let lines = parse("1970-01-01T00:00:01.5+00:00 stdout F a b  c\n2026-11-23T07:18:57.783099596+01:00 stderr F \n")
    #expect(
      lines == [
        LogLine(time: 1_500_000_000, stream: .stdout, text: "a b  c", end: 44),
        LogLine(time: 1_795_414_737_783_099_596, stream: .stderr, text: "", end: 90),
      ])
  }

  @Test func `partial lines are joined, each with those of its stream`() {
    let time = "1970-01-01T00:00:00Z"
    let lines = parse("\(time) stdout P one\n\(time) stderr F err\n\(time) stdout P  two\n\(time) stdout F  end\n")
    #expect(lines.map(\.text) == ["err", "one two end"])
  }

  @Test func `a line that was never ended comes at the end of the log`() {
    var parser = ContainerLogParser()
    #expect(parser.parse(Array("1970-01-01T00:00:00Z stdout P half\n".utf8)) == [])
    #expect(parser.finish().map(\.text) == ["half"])
    #expect(parser.finish() == [])
  }

  @Test func `what is read in any pieces gives the same lines`() {
    let text = (0..<50).map { "1970-01-01T00:00:0\($0 % 10).25Z stdout \($0 % 3 == 0 ? "P" : "F") line \($0) é\n" }
      .joined()
    let whole = parse(text)
    for _ in 0..<100 {
      var parser = ContainerLogParser()
      var rest = Array(text.utf8)[...]
      var lines: [LogLine] = []
      while !rest.isEmpty {
        let piece = rest.prefix(Int.random(in: 1...40))
        lines += parser.parse(piece)
        rest = rest.dropFirst(piece.count)
      }
      #expect(lines + parser.finish() == whole)
    }
  }

  @Test func `a line that never ends is handed out in pieces`() {
    let record = "1970-01-01T00:00:00Z stdout P " + String(repeating: "x", count: 600_000) + "\n"
    #expect(parse(record + record + record).map(\.text.count) == [1_200_000, 600_000])
  }

  @Test(arguments: [
    ("10%\r50%\r100%", "100%"), ("\r10%\r", "10%"), ("done\r", "done"), ("a\r\r\r", "a"), ("\r\r", ""), ("", ""),
  ])
  func `a progress bar comes as what it showed last`(text: String, shown: String) {
    #expect(parse("1970-01-01T00:00:00Z stderr F \(text)\n").map(\.text) == [shown])
    // And so in pieces of any size.
    let pieces = text.map { "1970-01-01T00:00:00Z stderr P \($0)\n" }.joined()
    #expect(parse(pieces + "1970-01-01T00:00:00Z stderr F \n").map(\.text) == [shown])
  }

  @Test func `a progress bar of any length takes no more memory than what it shows`() {
    let bar = (0..<20_000).map {
      "1970-01-01T00:00:00Z stderr P \r \($0) of 20000 [\(String(repeating: "#", count: 60))]\n"
    }
    var parser = ContainerLogParser()
    #expect(parser.parse(Array(bar.joined().utf8)) == [])
    #expect(parser.finish().map { $0.text.hasPrefix(" 19999 of") } == [true])
  }

  @Test func `what was taken out is told once, and what comes after it is whole`() {
    var parser = ContainerLogParser()
    let record = { (text: String) in Array("1970-01-01T00:00:00Z stdout F \(text)\n".utf8) }
    var lines = parser.parse(record("head") + [UInt8](repeating: 0, count: 100))
    lines += parser.parse(record("tail"), at: 1000)
    lines += parser.parse(record("end"))
    #expect(lines.map(\.text).first == "head" && lines.map(\.text).suffix(2) == ["tail", "end"])
    #expect(lines.count == 4 && lines[1].text.contains("bytes are left out here"))
    #expect(lines.map(\.end) == [35, 1035, 1035, 1069])
  }

  @Test(arguments: [
    "", "\n\n", "nonsense\n", "1970-01-01T00:00:00Z stdin F x\n", "1970-01-01T00:00:00Z stdout X\n",
    "1970-13-01T00:00:00Z stdout F x\n", "1970-01-01T25:00:00Z stdout F x\n", "\0\0\0\0\n",
    "1970-01-01T00:00:00. stdout F x\n",
    "1970-01-01T00:00:00+1 stdout F x\n", "9999-01-01T00:00:00Z stdout F x\n",
  ])
  func `what is no log is passed over`(text: String) {
    #expect(parse(text) == [])
  }

  @Test func `text that is not UTF-8 is replaced, not lost`() {
    var parser = ContainerLogParser()
    let lines = parser.parse(Array("1970-01-01T00:00:00Z stdout F a".utf8) + [0xFF, 0x62, 0x0A])
    #expect(lines.map(\.text) == ["a\u{FFFD}b"])
  }

  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00Z", 951_825_600), ("2026-11-23T07:18:57+00:00", 1_795_418_337),
    ("2026-12-31T23:59:59-05:30", 1_798_781_399), ("2100-03-01T00:00:00Z", 4_107_542_400),
  ])
  func `times are parsed`(text: String, seconds: Int64) {
    #expect(parseTimestamp(Array(text.utf8)[...]) == seconds * 1_000_000_000)
  }
}
