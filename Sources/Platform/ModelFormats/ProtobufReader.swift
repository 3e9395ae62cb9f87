/// Reads the fields of a protocol-buffer message one after the other. What nobody asks for is skipped and not read,
/// however large it is.
///
/// Source: https://protobuf.dev/programming-guides/encoding/
struct ProtobufReader {
  var cursor: ByteCursor
  /// Fields that may yet be looked at, of all messages together: a file of a billion empty fields ends here.
  private var budget = 8_000_000

  init(_ source: ByteSource) { cursor = ByteCursor(source) }

  struct Field {
    let number: UInt64
    let wire: Wire
  }

  enum Wire: UInt64 {
    case variable = 0
    case eight = 1
    case length = 2
    case four = 5
  }

  /// Calls `body` for each field of the message that fills the rest; what it does not take is skipped.
  mutating func message(_ body: (inout ProtobufReader, Field) throws -> Void) throws {
    while !cursor.isAtEnd {
      budget -= 1
      guard budget > 0 else { throw FormatError("it has more fields than are looked at") }
      let key = try variable()
      guard key >> 3 != 0, let wire = Wire(rawValue: key & 7) else {
        throw FormatError("it is no protocol-buffer message")
      }
      let before = cursor.position
      let field = Field(number: key >> 3, wire: wire)
      try body(&self, field)
      if cursor.position == before { try skip(field) }
    }
  }

  private mutating func skip(_ field: Field) throws {
    switch field.wire {
    case .variable: _ = try variable()
    case .eight: try cursor.skip(8)
    case .four: try cursor.skip(4)
    case .length: try cursor.skip(variable())
    }
  }

  /// An integer of one to ten bytes.
  mutating func variable() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      let byte = try cursor.byte()
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte & 0x80 == 0 { return value }
    }
    throw FormatError("it is no protocol-buffer message")
  }

  mutating func signed() throws -> Int64 { Int64(bitPattern: try variable()) }

  /// A text; what is not UTF-8 in it is replaced.
  mutating func text(limit: Int = 1 << 20) throws -> String {
    let length = try variable()
    return String(decoding: try cursor.bytes(length, limit: limit), as: UTF8.self)
  }

  /// A message within this one.
  mutating func nested(_ body: (inout ProtobufReader, Field) throws -> Void) throws {
    let outer = try cursor.confine(to: variable())
    try message(body)
    cursor.leave(to: outer)
  }
}
