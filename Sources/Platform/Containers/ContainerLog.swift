/// Parses the log that conmon writes for `--log-driver k8s-file`: lines of
/// `<RFC 3339 time> stdout|stderr F|P <text>`, where P says that the line goes on in the next of its stream.
///
/// A progress bar, which begins its line again and again with a carriage return, comes as what it showed last.
public struct ContainerLogParser: Sendable {
  /// A line that a job never ends is handed out in pieces of this size.
  static let longestLine = 1 << 20

  private struct Beginning {
    var time: Int64
    var bytes: [UInt8]
  }

  /// Where the log is parsed up to.
  public private(set) var offset: Int64
  /// Bytes after the last line feed.
  private var rest: [UInt8] = []
  private var beginnings: [LogLine.Stream: Beginning] = [:]
  /// Bytes that were taken out of the log, since the last line.
  private var gap: Int64 = 0

  /// - Parameter offset: of the first byte that will be parsed.
  public init(offset: Int64 = 0) { self.offset = offset }

  /// The lines that `bytes`, which follow those of the call before, complete.
  /// - Parameter start: their offset, where something was taken out before them.
  public mutating func parse(_ bytes: some Collection<UInt8>, at start: Int64? = nil) -> [LogLine] {
    if let start, start > offset + Int64(rest.count) { leaveOut(upTo: start) }
    var lines: [LogLine] = []
    rest += bytes
    var start = rest.startIndex
    while true {
      // Where a hole was made in the log, the rest of its last block has zeros.
      let zeros = rest[start...].prefix { $0 == 0 }.count
      (start, gap) = (start + zeros, gap + Int64(zeros))
      guard let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) else { break }
      lines += parse(record: rest[start..<end], end: offset + Int64(end + 1 - rest.startIndex))
      start = end + 1
    }
    offset += Int64(start - rest.startIndex)
    rest.removeFirst(start)
    return lines
  }

  /// What was left without an end, when the log is at its end.
  public mutating func finish() -> [LogLine] {
    defer { beginnings = [:] }
    return beginnings.map { Self.line($0.key, $0.value, end: offset) }.sorted { $0.time < $1.time }
  }

  private mutating func leaveOut(upTo start: Int64) {
    gap += start - offset
    offset = start
    rest = []
    beginnings = [:]
  }

  /// What is no record of this form, as after a power cut, is passed over.
  private mutating func parse(record: ArraySlice<UInt8>, end: Int64) -> [LogLine] {
    guard let record = LogRecord(record) else { return [] }
    var lines: [LogLine] = []
    if gap > 0 {
      lines.append(
        LogLine(
          time: record.time, stream: .stderr,
          text: "[cairn: \(gap) bytes are left out here, because the log had reached its limit]", end: end))
      gap = 0
      beginnings = [:]
    }
    var beginning = beginnings.removeValue(forKey: record.stream) ?? Beginning(time: record.time, bytes: [])
    beginning.bytes += record.text
    beginning.bytes.removeFirst(Self.overwritten(beginning.bytes))
    if record.isPartial && beginning.bytes.count < Self.longestLine {
      beginnings[record.stream] = beginning
    } else {
      lines.append(Self.line(record.stream, beginning, end: end))
    }
    return lines
  }

  private static func line(_ stream: LogLine.Stream, _ beginning: Beginning, end: Int64) -> LogLine {
    var bytes = beginning.bytes[...]
    while bytes.last == 13 { bytes.removeLast() }
    return LogLine(time: beginning.time, stream: stream, text: String(decoding: bytes, as: UTF8.self), end: end)
  }

  /// How many bytes at the beginning a terminal would not show any more, because the line was begun again.
  private static func overwritten(_ bytes: [UInt8]) -> Int {
    // Returns at the end overwrite nothing yet.
    let shown = bytes.lastIndex { $0 != 13 } ?? 0
    return bytes[..<shown].lastIndex(of: 13).map { $0 + 1 } ?? 0
  }
}

/// A line of the log's file, taken apart.
struct LogRecord {
  let time: Int64
  let stream: LogLine.Stream
  let isPartial: Bool
  /// A slice of what was parsed, with its indices.
  let text: ArraySlice<UInt8>

  /// nil: it is none.
  init?(_ record: ArraySlice<UInt8>) {
    let fields = record.split(separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
    guard fields.count == 4, let time = parseTimestamp(fields[0]),
      let stream = LogLine.Stream(rawValue: String(decoding: fields[1], as: UTF8.self)),
      fields[2].count == 1, let tag = fields[2].first
    else { return nil }
    self.time = time
    self.stream = stream
    isPartial = tag == UInt8(ascii: "P")
    text = fields[3]
  }
}
