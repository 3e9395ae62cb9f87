import HTTPService
import Tracker
import Wire

/// The fields of a request, whether they came in the body or in the address.
///
/// Names may be written in snake_case and in lowerCamelCase, 64-bit numbers as texts, and what is not a number as
/// `"NaN"`: so protocol buffers have it, of which MLflow's messages are made. The sentences about what is missing or of
/// the wrong kind are MLflow's own, for its clients' users know them.
struct Parameters {
  private let fields: JSONObject
  /// For messages: `metrics[0].`
  private let path: String

  init(_ fields: JSONObject, path: String = "") {
    self.fields = fields
    self.path = path
  }

  /// Reads a request's fields. A request without a body has its fields in the address.
  init(_ request: Request, limit: Int) async throws {
    let body = try await request.body.collect(limit: limit)
    if body.isEmpty { self.init(query: request.query) } else { self.init(try Self.object(body)) }
  }

  /// A field that is repeated is a list.
  init(query: [(name: String, value: String)]) {
    let groups = Dictionary(grouping: query, by: \.name)
    self.init(
      JSONObject(
        groups.map { name, pairs in
          let values = pairs.map { JSONValue.string($0.value) }
          return JSONObject.Field(name: name, value: values.count == 1 ? values[0] : .array(values))
        }))
  }

  private static func object(_ body: [UInt8]) throws -> JSONObject {
    do {
      var value = try JSONValue(parsing: body)
      // Old clients send JSON in a text in JSON.
      if case .string(let text) = value { value = try JSONValue(parsing: Array(text.utf8)) }
      guard case .object(let object) = value else {
        throw MLflowError.invalid("The request's body is not a JSON object.")
      }
      return object
    } catch let error as JSONError {
      throw MLflowError.invalid("The request's body is \(error).")
    }
  }

  // MARK: Fields

  /// nil: it isn't there, or null.
  func value(_ name: String) throws -> JSONValue? {
    let snake = fields[name]
    let camelName = Self.camelCase(name)
    let camel = camelName == name ? nil : fields[camelName]
    if snake != nil && camel != nil {
      throw MLflowError.invalid("The field '\(path)\(name)' is given twice, as \(name) and as \(camelName).")
    }
    let value = snake ?? camel
    return value == .null ? nil : value
  }

  /// Empty where it isn't there.
  func text(_ name: String) throws -> String { try optionalText(name) ?? "" }

  func optionalText(_ name: String) throws -> String? {
    switch try value(name) {
    case nil: return nil
    case .string(let text): return text
    case let other?: throw wrongKind(name, other)
    }
  }

  /// An empty text counts as missing, as in MLflow.
  func requiredText(_ name: String) throws -> String {
    guard let text = try optionalText(name), !text.isEmpty else { throw missing(name) }
    return text
  }

  func integer(_ name: String) throws -> Int64? {
    switch try value(name) {
    case nil: return nil
    case .integer(let number): return number
    case .double(let number):
      guard let whole = Int64(exactly: number) else { throw wrongKind(name, .double(number)) }
      return whole
    case .string(let text):
      guard let number = Int64(text) else { throw wrongKind(name, .string(text)) }
      return number
    case let other?: throw wrongKind(name, other)
    }
  }

  func requiredInteger(_ name: String) throws -> Int64 {
    guard let number = try integer(name) else { throw missing(name) }
    return number
  }

  /// A number within bounds; `otherwise` where it isn't given.
  func count(_ name: String, in range: ClosedRange<Int>, otherwise: Int) throws -> Int {
    guard let number = try integer(name) else { return otherwise }
    guard let count = Int(exactly: number), range.contains(count) else {
      throw MLflowError.invalid(
        "Invalid value \(number) for parameter '\(path)\(name)' supplied. It must be at least \(range.lowerBound) and at "
          + "most \(range.upperBound).")
    }
    return count
  }

  func requiredDouble(_ name: String) throws -> Double {
    switch try value(name) {
    case nil: throw missing(name)
    case .integer(let number): return Double(number)
    case .double(let number): return number
    case .string(let text):
      // Double() takes more than JSON's numbers, such as hexadecimal ones; so does Python's float().
      guard let number = Double(text) else { throw wrongKind(name, .string(text)) }
      return number
    case let other?: throw wrongKind(name, other)
    }
  }

  func flag(_ name: String) throws -> Bool {
    switch try value(name) {
    case nil: return false
    case .bool(let flag): return flag
    case .string("true"), .string("True"): return true
    case .string("false"), .string("False"): return false
    case let other?: throw wrongKind(name, other)
    }
  }

  /// Empty where it isn't there. One value that is no list is a list of one, as in an address.
  func texts(_ name: String) throws -> [String] {
    try list(name).map { item in
      guard case .string(let text) = item else { throw wrongKind(name, item) }
      return text
    }
  }

  /// Empty where it isn't there.
  func objects(_ name: String) throws -> [Parameters] {
    try list(name).enumerated().map { index, item in
      guard case .object(let object) = item else { throw wrongKind("\(name)[\(index)]", item) }
      return Parameters(object, path: "\(path)\(name)[\(index)].")
    }
  }

  func object(_ name: String) throws -> Parameters {
    switch try value(name) {
    case nil: throw missing(name)
    case .object(let object): return Parameters(object, path: "\(path)\(name).")
    case let other?: throw wrongKind(name, other)
    }
  }

  /// Fields that are a key and a value each.
  func pairs(_ name: String) throws -> [KeyValue] {
    try objects(name).map { KeyValue(try $0.requiredText("key"), try $0.text("value")) }
  }

  private func list(_ name: String) throws -> [JSONValue] {
    switch try value(name) {
    case nil: return []
    case .array(let items): return items
    case .string(let text): return [.string(text)]
    case let other?: throw wrongKind(name, other)
    }
  }

  // MARK: Errors

  private static let hint = "See the API docs for more information about request parameters."

  func missing(_ name: String) -> MLflowError {
    .invalid("Missing value for required parameter '\(path)\(name)'. \(Self.hint)")
  }

  private func wrongKind(_ name: String, _ value: JSONValue) -> MLflowError {
    var writer = JSONWriter()
    writer.value(value)
    let text = String(decoding: writer.bytes.prefix(200), as: UTF8.self)
    return .invalid(
      "Invalid value \(text) for parameter '\(path)\(name)' supplied:  Hint: Value was of type '\(Self.kind(value))'. "
        + Self.hint)
  }

  /// As Python calls it.
  private static func kind(_ value: JSONValue) -> String {
    switch value {
    case .null: "NoneType"
    case .bool: "bool"
    case .integer: "int"
    case .double: "float"
    case .string: "str"
    case .array: "list"
    case .object: "dict"
    }
  }

  private static func camelCase(_ name: String) -> String {
    guard name.utf8.contains(UInt8(ascii: "_")) else { return name }
    let parts = name.split(separator: "_")
    return parts.dropFirst().reduce(String(parts[0])) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
  }
}
