/// A piece of JSON (RFC 8259) whose form is not known beforehand, as clients of other programs' protocols send it.
///
/// Reads 1,000 metrics of 100 bytes several times faster than Foundation's decoder does, and keeps what a typed decoder
/// loses: whether a number was written as one, which field was missing, what stood there instead.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number without fraction and exponent that fits.
  case integer(Int64)
  /// Any other; also `NaN`, `Infinity` and `-Infinity`, which Python writes.
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

/// The fields of an object, in the order in which they came.
public struct JSONObject: Sendable, Equatable {
  public struct Field: Sendable, Equatable {
    public var name: String
    public var value: JSONValue

    public init(name: String, value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  public var fields: [Field]

  public init(_ fields: [Field] = []) { self.fields = fields }

  /// The last field of this name, as Python has it. Linear: objects of requests have a few fields.
  public subscript(_ name: String) -> JSONValue? { fields.last { $0.name == name }?.value }

  public mutating func append(_ name: String, _ value: JSONValue) { fields.append(Field(name: name, value: value)) }
}

/// Bytes that are not JSON.
public struct JSONError: Error, Equatable, CustomStringConvertible, Sendable {
  /// Where, in bytes from the beginning.
  public let position: Int
  public let reason: String

  public var description: String { "not JSON: \(reason), at byte \(position)" }
}

extension JSONValue {
  /// The deepest nesting that is read: a reader that calls itself must not be led to the end of its stack.
  static let deepest = 64

  /// - Throws: ``JSONError``. Whatever the bytes are, it takes time and memory in proportion to their number.
  public init(parsing bytes: [UInt8]) throws(JSONError) {
    var reader = JSONReader(bytes)
    self = try reader.document()
  }
}

/// Reads from the first byte to the last.
private struct JSONReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(JSONError) -> JSONValue {
    // Once for all: what is cut out of it needs no looking at then.
    guard bytes.utf8IsValid else { throw JSONError(position: 0, reason: "it is not UTF-8") }
    let value = try value(depth: 0)
    skipBlanks()
    guard position == bytes.count else { throw fault("there is more after its end") }
    return value
  }

  private func fault(_ reason: String) -> JSONError { JSONError(position: position, reason: reason) }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipBlanks() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    guard depth < JSONValue.deepest else { throw fault("it is nested too deeply") }
    skipBlanks()
    switch current {
    case UInt8(ascii: "{"): return .object(try object(depth))
    case UInt8(ascii: "["): return .array(try array(depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "N"): return try word("NaN", .double(.nan))
    case UInt8(ascii: "I"): return try word("Infinity", .double(.infinity))
    case nil: throw fault("it ends too early")
    default: return try number()
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let end = position + word.utf8CodeUnitCount
    guard end <= bytes.count, "\(word)".utf8.elementsEqual(bytes[position..<end]) else {
      throw fault("no value begins so")
    }
    position = end
    return value
  }

  private mutating func object(_ depth: Int) throws(JSONError) -> JSONObject {
    position += 1
    var object = JSONObject()
    skipBlanks()
    if takes(UInt8(ascii: "}")) { return object }
    while true {
      skipBlanks()
      guard current == UInt8(ascii: "\"") else { throw fault("a field's name is expected") }
      let name = try string()
      skipBlanks()
      guard takes(UInt8(ascii: ":")) else { throw fault("a colon is expected") }
      object.append(name, try value(depth: depth + 1))
      skipBlanks()
      if takes(UInt8(ascii: "}")) { return object }
      guard takes(UInt8(ascii: ",")) else { throw fault("a comma or a closing brace is expected") }
    }
  }

  private mutating func array(_ depth: Int) throws(JSONError) -> [JSONValue] {
    position += 1
    var values: [JSONValue] = []
    skipBlanks()
    if takes(UInt8(ascii: "]")) { return values }
    while true {
      values.append(try value(depth: depth + 1))
      skipBlanks()
      if takes(UInt8(ascii: "]")) { return values }
      guard takes(UInt8(ascii: ",")) else { throw fault("a comma or a closing bracket is expected") }
    }
  }

  private mutating func takes(_ byte: UInt8) -> Bool {
    guard current == byte else { return false }
    position += 1
    return true
  }

  // MARK: Texts

  private mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        defer { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
      case UInt8(ascii: "\\"): return try escaped(from: start)
      case 0..<0x20: throw fault("a control character stands in a text")
      default: position += 1
      }
    }
    throw fault("a text is not closed")
  }

  /// A text of which the bytes from `start` to here are read, and an escape comes next.
  private mutating func escaped(from start: Int) throws(JSONError) -> String {
    var text = Array(bytes[start..<position])
    while let byte = current {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): try appendEscape(to: &text)
      case 0..<0x20: throw fault("a control character stands in a text")
      default: text.append(byte)
      }
    }
    throw fault("a text is not closed")
  }

  private mutating func appendEscape(to text: inout [UInt8]) throws(JSONError) {
    guard let byte = current else { throw fault("a text is not closed") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      let scalar = try escapedScalar()
      text.append(contentsOf: String(Character(scalar)).utf8)
    default: throw fault("there is no such escape")
    }
  }

  /// What `\u` and its digits stand for, two of them where the first is half of a character. A half that is alone
  /// becomes U+FFFD, for no text can hold it.
  private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
    let first = try fourDigits()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, current == UInt8(ascii: "\\"), position + 1 < bytes.count,
      bytes[position + 1] == UInt8(ascii: "u")
    else { return "\u{FFFD}" }
    let before = position
    position += 2
    let second = try fourDigits()
    guard (0xDC00...0xDFFF).contains(second) else {
      position = before
      return "\u{FFFD}"
    }
    return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
  }

  private mutating func fourDigits() throws(JSONError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw fault("an escape has four hexadecimal digits") }
    var value: UInt32 = 0
    for byte in bytes[position..<(position + 4)] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw fault("an escape has four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
    }
    position += 4
    return value
  }

  // MARK: Numbers

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    let isNegative = takes(UInt8(ascii: "-"))
    if isNegative, current == UInt8(ascii: "I") {
      _ = try word("Infinity", .null)
      return .double(-.infinity)
    }
    let whole = position
    try digits()
    if position > whole + 1, bytes[whole] == UInt8(ascii: "0") { throw fault("a number begins with a 0 too much") }
    var isWhole = true
    if takes(UInt8(ascii: ".")) {
      isWhole = false
      try digits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      isWhole = false
      position += 1
      if !takes(UInt8(ascii: "+")) { _ = takes(UInt8(ascii: "-")) }
      try digits()
    }
    if isWhole, let value = integer(from: whole, isNegative: isNegative) { return .integer(value) }
    guard let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)) else {
      throw fault("a number is expected")
    }
    return .double(value)
  }

  private mutating func digits() throws(JSONError) {
    let start = position
    while let byte = current, (0x30...0x39).contains(byte) { position += 1 }
    guard position > start else { throw fault("a value is expected") }
  }

  /// The digits from `start` to here; nil where they don't fit, or are -0, which only a double can be.
  private func integer(from start: Int, isNegative: Bool) -> Int64? {
    var value: Int64 = 0
    for byte in bytes[start..<position] {
      let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
      let digit = Int64(byte - 0x30)
      let (sum, alsoOverflowed) =
        isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
      if overflowed || alsoOverflowed { return nil }
      value = sum
    }
    return isNegative && value == 0 ? nil : value
  }
}

extension [UInt8] {
  fileprivate var utf8IsValid: Bool {
    withUnsafeBufferPointer { buffer in
      // Most requests are ASCII, which eight bytes at a time show.
      var position = 0
      while position + 8 <= buffer.count {
        let word = UnsafeRawPointer(buffer.baseAddress! + position).loadUnaligned(as: UInt64.self)
        if word & 0x8080_8080_8080_8080 != 0 { break }
        position += 8
      }
      return String(validating: buffer[position...], as: UTF8.self) != nil
    }
  }
}
