/// A message of protocol buffers as a text, such as Triton's `config.pbtxt`.
///
/// Source: https://protobuf.dev/reference/protobuf/textformat-spec/, without extensions and `Any`.
struct ProtobufText {
  indirect enum Value {
    /// A number, a name, or what stood in quotes.
    case scalar(String)
    case message([(String, Value)])
  }

  private var rest: Substring.UTF8View
  private var budget = 100_000

  /// The fields of a text in their order; a list is its field several times.
  /// - Throws: ``FormatError``
  static func parse(_ text: String) throws -> [(String, Value)] {
    var parser = ProtobufText(rest: Substring(text).utf8)
    let fields = try parser.fields(until: nil, depth: 0)
    return fields
  }

  private mutating func fields(until end: UInt8?, depth: Int) throws -> [(String, Value)] {
    guard depth < 32 else { throw FormatError("its messages are nested too deeply") }
    var fields: [(String, Value)] = []
    while true {
      skipSpace()
      guard let byte = rest.first else {
        if end != nil { throw FormatError("it ends within a message") }
        return fields
      }
      if byte == end {
        rest.removeFirst()
        return fields
      }
      if byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";") {
        rest.removeFirst()
        continue
      }
      budget -= 1
      guard budget > 0 else { throw FormatError("it has too many fields") }
      let name = try word()
      skipSpace()
      if rest.first == UInt8(ascii: ":") { rest.removeFirst() }
      skipSpace()
      if rest.first == UInt8(ascii: "[") {
        rest.removeFirst()
        fields += try list(depth: depth).map { (name, $0) }
      } else {
        fields.append((name, try value(depth: depth)))
      }
    }
  }

  private mutating func list(depth: Int) throws -> [Value] {
    var values: [Value] = []
    while true {
      skipSpace()
      switch rest.first {
      case nil: throw FormatError("it ends within a list")
      case UInt8(ascii: "]"):
        rest.removeFirst()
        return values
      case UInt8(ascii: ","): rest.removeFirst()
      default:
        budget -= 1
        guard budget > 0 else { throw FormatError("it has too many fields") }
        values.append(try value(depth: depth))
      }
    }
  }

  private mutating func value(depth: Int) throws -> Value {
    switch rest.first {
    case UInt8(ascii: "{"):
      rest.removeFirst()
      return .message(try fields(until: UInt8(ascii: "}"), depth: depth + 1))
    case UInt8(ascii: "<"):
      rest.removeFirst()
      return .message(try fields(until: UInt8(ascii: ">"), depth: depth + 1))
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .scalar(try quoted())
    default: return .scalar(try word())
    }
  }

  /// Texts that stand side by side are one.
  private mutating func quoted() throws -> String {
    var bytes: [UInt8] = []
    while let quote = rest.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
      rest.removeFirst()
      while true {
        guard let byte = rest.popFirst() else { throw FormatError("a quote in it is not closed") }
        if byte == quote { break }
        // What follows a backslash is taken as it is: names have no use for line ends and octal numbers.
        bytes.append(byte == UInt8(ascii: "\\") ? rest.popFirst() ?? byte : byte)
      }
      skipSpace()
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private mutating func word() throws -> String {
    let word = rest.prefix { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
        || byte == UInt8(ascii: "+")
    }
    guard !word.isEmpty else { throw FormatError("it is not the text of a protocol-buffer message") }
    rest = rest.dropFirst(word.count)
    return String(decoding: word, as: UTF8.self)
  }

  private mutating func skipSpace() {
    while let byte = rest.first {
      if byte == UInt8(ascii: "#") {
        rest = rest.drop { $0 != UInt8(ascii: "\n") }
      } else if byte == 0x20 || (0x09...0x0D).contains(byte) {
        rest.removeFirst()
      } else {
        return
      }
    }
  }
}
