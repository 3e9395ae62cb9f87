/// Writes stars over texts that a log must not show, as many as they have bytes.
public struct LogMask: Sendable {
  private let traces: [[UInt8]]

  public init(_ traces: [[UInt8]]) { self.traces = traces.filter { !$0.isEmpty } }

  public var isEmpty: Bool { traces.isEmpty }

  public func hidden(in text: String) -> String {
    if isEmpty { return text }
    var bytes = Array(text.utf8)
    return hide(in: &bytes) ? String(decoding: bytes, as: UTF8.self) : text
  }

  /// Whether there was something to hide.
  func hide(in bytes: inout [UInt8]) -> Bool {
    var found = false
    for trace in traces where bytes.count >= trace.count {
      var start = 0
      while let first = bytes[start...].firstIndex(of: trace[0]), first + trace.count <= bytes.count {
        start = first + 1
        guard bytes[first..<(first + trace.count)].elementsEqual(trace) else { continue }
        for index in first..<(first + trace.count) { bytes[index] = UInt8(ascii: "*") }
        found = true
      }
    }
    return found
  }

  /// Hides it in consecutive pieces of a log's file, also where a line is written in several records.
  /// - Parameter isLast: nothing follows; otherwise nothing is done while a line is open at the end.
  /// - Returns: whether it was done.
  mutating func hide(in pieces: inout [(start: Int64, bytes: [UInt8])], isLast: Bool) -> Bool {
    if isEmpty { return true }
    var all = pieces.flatMap(\.bytes)
    var open: [LogLine.Stream: [Range<Int>]] = [:]
    var start = 0
    while start < all.count {
      let end = all[start...].firstIndex(of: 10) ?? all.count
      if end == all.count && !isLast { return false }
      if let record = LogRecord(all[start..<end].drop { $0 == 0 }) {
        open[record.stream, default: []].append(record.text.startIndex..<record.text.endIndex)
        if !record.isPartial { hide(in: &all, open.removeValue(forKey: record.stream) ?? []) }
      }
      start = end + 1
    }
    // What is open for longer than the pieces are long is no line of text.
    if !isLast && !open.isEmpty && pieces.count < 64 { return false }
    for ranges in open.values { hide(in: &all, ranges) }
    var position = 0
    for index in pieces.indices {
      let count = pieces[index].bytes.count
      pieces[index].bytes = Array(all[position..<(position + count)])
      position += count
    }
    return true
  }

  private func hide(in all: inout [UInt8], _ ranges: [Range<Int>]) {
    var text = ranges.flatMap { all[$0] }
    guard hide(in: &text) else { return }
    var position = 0
    for range in ranges {
      all.replaceSubrange(range, with: text[position..<(position + range.count)])
      position += range.count
    }
  }
}
