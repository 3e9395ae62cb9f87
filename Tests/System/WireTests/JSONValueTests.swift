import FoundationEssentials
import TestSupport
import Testing

@testable import Wire

@Suite struct JSONValueTests {
  private func parsed(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

  @Test func `values are what they say`() throws {
    #expect(try parsed(" null ") == .null)
    #expect(try parsed("[true,false]") == .array([.bool(true), .bool(false)]))
    #expect(try parsed("-12") == .integer(-12))
    #expect(try parsed("9223372036854775807") == .integer(.max))
    #expect(try parsed("-9223372036854775808") == .integer(.min))
    #expect(try parsed("9223372036854775808") == .double(9_223_372_036_854_775_808))
    #expect(try parsed("1.5e-3") == .double(0.0015))
    #expect(try parsed("-0") == .double(-0.0))
    #expect(try parsed("-Infinity") == .double(-.infinity))
    #expect(try parsed(#""a\n\"\\\/é😀""#) == .string("a\n\"\\/é😀"))
    // Half a character has no text.
    #expect(try parsed(#""\ud83d x""#) == .string("\u{FFFD} x"))
    #expect(try parsed(#""\ud83dA""#) == .string("\u{FFFD}A"))
    let object = try parsed(#"{"a": 1, "b": {"c": []}, "a": 2}"#)
    guard case .object(let fields) = object else { throw JSONError(position: 0, reason: "no object") }
    #expect(fields["a"] == .integer(2) && fields["b"] == .object(JSONObject([.init(name: "c", value: .array([]))])))
  }

  @Test(arguments: [
    "", " ", "{", "[", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "-", "1.", ".5", "1e", "+1", "tru", "nulll", "1 2",
    "\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "'a'", "[1 2]", "nan", "\u{FEFF}1",
  ])
  func `what is not JSON is refused`(text: String) {
    #expect(throws: JSONError.self) { try parsed(text) }
  }

  @Test func `nesting has an end, and bytes must be UTF-8`() throws {
    let deep = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
    #expect(throws: Never.self) { try parsed(deep) }
    #expect(throws: JSONError.self) { try parsed(String(repeating: "[", count: 100_000)) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xC3, 0x22]) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: Array("\"abcdefgh".utf8) + [0xFF, 0x22]) }
  }

  private func random(_ generator: inout SeededGenerator, depth: Int = 0) -> JSONValue {
    switch Int.random(in: 0..<(depth > 4 ? 5 : 7), using: &generator) {
    case 0: .null
    case 1: .bool(Bool.random(using: &generator))
    case 2: .integer(Int64.random(in: .min ... .max, using: &generator) >> Int64.random(in: 0...63, using: &generator))
    case 3: .double(Double.random(in: -1e9...1e9, using: &generator) + 0.5)
    case 4: .string(text(&generator))
    case 5:
      .array((0..<Int.random(in: 0...4, using: &generator)).map { _ in random(&generator, depth: depth + 1) })
    default:
      .object(
        JSONObject(
          (0..<Int.random(in: 0...4, using: &generator)).map {
            .init(name: "\($0)" + text(&generator), value: random(&generator, depth: depth + 1))
          }))
    }
  }

  private func text(_ generator: inout SeededGenerator) -> String {
    let scalars: [Unicode.Scalar] = ["a", "\"", "\\", "\n", "\u{1}", "é", "😀", "\u{2028}", "/", "z"]
    var text = ""
    for _ in 0..<Int.random(in: 0...20, using: &generator) {
      text.unicodeScalars.append(scalars.randomElement(using: &generator)!)
    }
    return text
  }

  @Test(arguments: testSeeds()) func `what is written is read as it was, here and by Foundation`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      let value = JSONValue.array([random(&generator)])
      var writer = JSONWriter()
      writer.value(value)
      #expect(try JSONValue(parsing: writer.bytes) == value)
      _ = try JSONDecoder().decode([Anything].self, from: Data(writer.bytes))
    }
  }

  @Test(arguments: testSeeds()) func `damaged bytes are refused or read, and never end the program`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<5000 {
      var writer = JSONWriter()
      writer.value(random(&generator))
      var bytes = writer.bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        guard let index = bytes.indices.randomElement(using: &generator) else { break }
        switch Int.random(in: 0...2, using: &generator) {
        case 0: bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
        case 1: bytes.remove(at: index)
        default: bytes.insert(UInt8.random(in: 0x20...0x7E, using: &generator), at: index)
        }
      }
      _ = try? JSONValue(parsing: bytes)
    }
  }

  @Test func `numbers and texts of any length are written as they are`() throws {
    let numbers: [Int64] = [0, 1, -1, 9, 10, 99, 100, 12_345, -1_700_000_000_000, .max, .min]
    // Around the sizes at which there must be more room.
    let texts = [0, 1, 253, 254, 255, 256, 1000, 100_000].flatMap { length in
      [String(repeating: "x", count: length), String(repeating: "\u{1}\"é", count: length / 4)]
    }
    let bytes = JSONWriter.object { object in
      object.array("numbers") { for number in numbers { $0.value(number) } }
      object.array("texts") { for text in texts { $0.value(text) } }
    }
    guard case .object(let read) = try JSONValue(parsing: bytes) else { throw JSONError(position: 0, reason: "") }
    #expect(read["numbers"] == .array(numbers.map { .integer($0) }))
    #expect(read["texts"] == .array(texts.map { .string($0) }))
    _ = try JSONDecoder().decode(Anything.self, from: Data(bytes))
  }

  @Test func `what is no number is a text`() {
    let bytes = JSONWriter.object {
      $0.field("a", Double.nan)
      $0.field("b", -Double.infinity)
      $0.array("c") { $0.object { $0.field("d", Int64(1)) } }
      $0.field("e", true)
    }
    #expect(String(decoding: bytes, as: UTF8.self) == #"{"a":"NaN","b":"-Infinity","c":[{"d":1}],"e":true}"#)
  }
}

/// Any JSON value, to see whether Foundation takes it for one.
private struct Anything: Decodable {
  init(from decoder: any Decoder) throws {
    if let container = try? decoder.unkeyedContainer() {
      var container = container
      while !container.isAtEnd { _ = try container.decode(Anything.self) }
    }
  }
}
