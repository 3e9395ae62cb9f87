/// Writes JSON (RFC 8259) from the first byte to the last.
///
/// For answers that are long: a metric's history of 25,000 points is 2.7 MB. What is written is well-formed as long as
/// fields are written in objects and values in arrays.
public struct JSONWriter: Sendable {
  public private(set) var bytes: [UInt8] = []
  private var needsComma = false

  public init() {}

  /// An object as a whole document.
  public static func object(_ body: (inout JSONWriter) throws -> Void) rethrows -> [UInt8] {
    var writer = JSONWriter()
    try writer.object(body)
    return writer.bytes
  }

  // MARK: Values of an array

  public mutating func object(_ body: (inout JSONWriter) throws -> Void) rethrows {
    begin(UInt8(ascii: "{"))
    try body(&self)
    end(UInt8(ascii: "}"))
  }

  public mutating func array(_ body: (inout JSONWriter) throws -> Void) rethrows {
    begin(UInt8(ascii: "["))
    try body(&self)
    end(UInt8(ascii: "]"))
  }

  public mutating func value(_ text: String) {
    comma()
    quote(text)
  }

  public mutating func value(_ number: Int64) {
    comma()
    append(number)
  }

  public mutating func value(_ value: JSONValue) {
    switch value {
    case .null: word("null")
    case .bool(let flag): word(flag ? "true" : "false")
    case .integer(let number): self.value(number)
    case .double(let number):
      comma()
      append(number)
    case .string(let text): self.value(text)
    case .array(let values): array { for value in values { $0.value(value) } }
    case .object(let object):
      self.object { writer in
        for field in object.fields {
          writer.comma()
          writer.quote(field.name)
          writer.bytes.append(UInt8(ascii: ":"))
          writer.needsComma = false
          writer.value(field.value)
        }
      }
    }
  }

  // MARK: Fields of an object

  public mutating func field(_ name: StaticString, _ value: String) {
    self.name(name)
    quote(value)
  }

  public mutating func field(_ name: StaticString, _ value: Int64) {
    self.name(name)
    append(value)
  }

  public mutating func field(_ name: StaticString, _ value: Bool) {
    self.name(name)
    needsComma = false
    word(value ? "true" : "false")
  }

  /// What is no number in JSON is a text, as protocol buffers have it: `"NaN"`, `"Infinity"`, `"-Infinity"`.
  public mutating func field(_ name: StaticString, _ value: Double) {
    self.name(name)
    append(value)
  }

  public mutating func field(_ name: StaticString, _ value: JSONValue) {
    self.name(name)
    needsComma = false
    self.value(value)
  }

  public mutating func object(_ name: StaticString, _ body: (inout JSONWriter) throws -> Void) rethrows {
    self.name(name)
    needsComma = false
    try object(body)
  }

  public mutating func array(_ name: StaticString, _ body: (inout JSONWriter) throws -> Void) rethrows {
    self.name(name)
    needsComma = false
    try array(body)
  }

  // MARK: Pieces

  private mutating func comma() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func begin(_ bracket: UInt8) {
    comma()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func end(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  /// Names are in the program's text, and need no escapes.
  private mutating func name(_ name: StaticString) {
    comma()
    bytes.append(UInt8(ascii: "\""))
    name.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: [UInt8(ascii: "\""), UInt8(ascii: ":")])
  }

  private mutating func word(_ word: String) {
    comma()
    bytes.append(contentsOf: word.utf8)
  }

  private mutating func append(_ number: Int64) { bytes.append(contentsOf: String(number).utf8) }

  private mutating func append(_ number: Double) {
    if number.isFinite {
      bytes.append(contentsOf: number.description.utf8)
    } else {
      quote(number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity")
    }
  }

  private mutating func quote(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { utf8 in
      var start = 0
      for (index, byte) in utf8.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C {
        bytes.append(contentsOf: utf8[start..<index])
        appendEscape(of: byte)
        start = index + 1
      }
      bytes.append(contentsOf: utf8[start...])
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func appendEscape(of byte: UInt8) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    case 0x22, 0x5C: bytes.append(byte)
    default:
      let digits = Array("0123456789abcdef".utf8)
      bytes.append(contentsOf: [0x75, 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 15)]])
    }
  }
}
