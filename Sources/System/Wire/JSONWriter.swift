/// Writes JSON (RFC 8259) from the first byte to the last.
///
/// For answers that are long: a metric's history of 25,000 points is 2.7 MB. What is written is well-formed as long as
/// fields are written in objects and values in arrays.
public struct JSONWriter: Sendable {
  /// What is written stands at the beginning; the rest is room for more. An array that grows by each comma asks for each
  /// whether it has room and nobody else has it, which takes longer than the writing.
  private var storage: [UInt8] = []
  private var count = 0
  private var needsComma = false

  public init() {}

  /// What has been written.
  public var bytes: [UInt8] { Array(storage[..<count]) }

  /// An object as a whole document.
  public static func object(_ body: (inout JSONWriter) throws -> Void) rethrows -> [UInt8] {
    var writer = JSONWriter()
    try writer.object(body)
    writer.storage.removeLast(writer.storage.count - writer.count)
    return writer.storage
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
          writer.append(UInt8(ascii: ":"))
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

  /// Lets `body` write up to `limit` bytes; it returns how many it has written.
  private mutating func append(upTo limit: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
    if storage.count - count < limit {
      storage.append(contentsOf: repeatElement(0, count: max(limit, storage.count, 256)))
    }
    let start = count
    count += storage.withUnsafeMutableBufferPointer { room in
      let written = body(room.baseAddress! + start)
      precondition(written <= limit)
      return written
    }
  }

  private mutating func append(_ byte: UInt8) {
    append(upTo: 1) { place in
      place.pointee = byte
      return 1
    }
  }

  private mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    append(upTo: bytes.count) { place in
      if let base = bytes.baseAddress { place.update(from: base, count: bytes.count) }
      return bytes.count
    }
  }

  private mutating func append(ascii text: String) {
    var text = text
    text.withUTF8 { append($0) }
  }

  private mutating func comma() {
    if needsComma { append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func begin(_ bracket: UInt8) {
    comma()
    append(bracket)
    needsComma = false
  }

  private mutating func end(_ bracket: UInt8) {
    append(bracket)
    needsComma = true
  }

  /// Names are in the program's text, and need no escapes.
  private mutating func name(_ name: StaticString) {
    let hasComma = needsComma
    needsComma = true
    name.withUTF8Buffer { text in
      append(upTo: text.count + 4) { place in
        var next = place
        func put(_ byte: UInt8) {
          next.pointee = byte
          next += 1
        }
        if hasComma { put(UInt8(ascii: ",")) }
        put(UInt8(ascii: "\""))
        if let base = text.baseAddress { next.update(from: base, count: text.count) }
        next += text.count
        put(UInt8(ascii: "\""))
        put(UInt8(ascii: ":"))
        return next - place
      }
    }
  }

  private mutating func word(_ word: String) {
    comma()
    append(ascii: word)
  }

  private mutating func append(_ number: Int64) {
    append(upTo: 20) { place in
      var rest = number.magnitude
      var length = number < 0 ? 1 : 0
      repeat {
        length += 1
        rest /= 10
      } while rest > 0
      if number < 0 { place.pointee = UInt8(ascii: "-") }
      rest = number.magnitude
      var index = length
      repeat {
        let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
        index -= 1
        place[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
        rest = quotient
      } while rest > 0
      return length
    }
  }

  private mutating func append(_ number: Double) {
    if number.isFinite {
      append(ascii: number.description)
    } else {
      quote(number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity")
    }
  }

  private mutating func quote(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      let escapes = utf8.count { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }
      append(upTo: utf8.count + 5 * escapes + 2) { place in
        place.pointee = UInt8(ascii: "\"")
        var next = place + 1
        if escapes > 0 {
          for byte in utf8 { Self.write(byte, to: &next) }
        } else if let base = utf8.baseAddress {
          next.update(from: base, count: utf8.count)
          next += utf8.count
        }
        next.pointee = UInt8(ascii: "\"")
        return next + 1 - place
      }
    }
  }

  /// Writes a byte of a text, escaped where it must be.
  private static func write(_ byte: UInt8, to next: inout UnsafeMutablePointer<UInt8>) {
    func put(_ byte: UInt8) {
      next.pointee = byte
      next += 1
    }
    guard byte < 0x20 || byte == 0x22 || byte == 0x5C else { return put(byte) }
    put(UInt8(ascii: "\\"))
    switch byte {
    case 0x0A: put(UInt8(ascii: "n"))
    case 0x0D: put(UInt8(ascii: "r"))
    case 0x09: put(UInt8(ascii: "t"))
    case 0x22, 0x5C: put(byte)
    default:
      func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
      for byte in [0x75, 0x30, 0x30, digit(byte >> 4), digit(byte & 15)] { put(byte) }
    }
  }
}
