import Glibc

/// What is counted of a line of the proxy's access log. Each request has a line, and hardly any is ever shown, so this
/// makes no text of it: see ``AccessLogEntry`` for the whole.
struct AccessLogLine: Equatable {
  /// Seconds since 1970.
  let second: Int64
  let status: Int
  let milliseconds: Int
  let bytes: Int
  /// Where in the line the deployment's name stands.
  let deployment: Range<Int>

  /// nil: it is no line of ``AccessLogEntry/format``, or about no deployment.
  init?(_ line: UnsafeRawBufferPointer) {
    var fields: (Range<Int>, Range<Int>, Range<Int>, Range<Int>, Range<Int>) = (0..<0, 0..<0, 0..<0, 0..<0, 0..<0)
    var start = 0
    // The client, the method and the path come after, and the server and the milliseconds of its time do not count.
    for number in 0..<9 {
      guard start < line.count, let base = line.baseAddress,
        let space = memchr(base + start, Int32(UInt8(ascii: " ")), line.count - start)
      else { return nil }
      let end = UnsafeRawPointer(space) - base
      guard end > start else { return nil }
      switch number {
      case 0: fields.0 = start..<end
      case 2: fields.1 = start..<end
      case 4: fields.2 = start..<end
      case 5: fields.3 = start..<end
      case 6: fields.4 = start..<end
      default: break
      }
      start = end + 1
    }
    let name = fields.1
    guard start < line.count, let second = Self.number(line, fields.0), (0...9_000_000_000).contains(second),
      name.count > 1 || line[name.lowerBound] != UInt8(ascii: "-"), let status = Self.number(line, fields.2),
      let milliseconds = Self.number(line, fields.3), let bytes = Self.number(line, fields.4)
    else { return nil }
    self.second = Int64(second)
    self.status = status
    self.milliseconds = max(milliseconds, 0)
    self.bytes = max(bytes, 0)
    deployment = name
  }

  private static func number(_ line: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
    var index = range.lowerBound
    let isNegative = line[index] == UInt8(ascii: "-")
    if isNegative { index += 1 }
    // What has more digits is nothing that the proxy has counted.
    guard index < range.upperBound, range.upperBound - index <= 18 else { return nil }
    var value = 0
    while index < range.upperBound {
      let digit = Int(line[index]) - 0x30
      guard digit >= 0, digit <= 9 else { return nil }
      value = value * 10 + digit
      index += 1
    }
    return isNegative ? -value : value
  }
}
