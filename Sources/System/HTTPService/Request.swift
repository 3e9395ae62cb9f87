import Wire

/// A request, as a route's handler sees it.
public struct Request: Sendable {
  public let method: String
  /// The path's components, decoded; none is empty.
  public let path: [String]
  /// What the pattern's `{name}` components matched.
  public internal(set) var parameters: [String: String] = [:]
  public let query: [(name: String, value: String)]
  public let body: RequestBody
  /// Who asks; nil over TCP, where nobody can tell.
  public let peer: Peer?
  private let head: RequestHead

  init(_ head: RequestHead, body: RequestBody, peer: Peer?) throws(APIError) {
    self.head = head
    self.body = body
    self.peer = peer
    method = head.method
    let parts = head.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var path: [String] = []
    for part in parts[0].split(separator: "/") { path.append(try Self.decode(part)) }
    self.path = path
    var query: [(String, String)] = []
    for part in parts.dropFirst().first?.split(separator: "&") ?? [] {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      query.append((try Self.decode(field: pair[0]), pair.count > 1 ? try Self.decode(field: pair[1]) : ""))
    }
    self.query = query
  }

  /// Path and query as they came, percent-encoded.
  public var target: String { head.target }

  /// All header fields, their names in lower case.
  public var fields: [(name: String, value: String)] { head.fields.map { ($0.name, $0.value) } }

  /// Whether the client asks to speak another protocol on this connection, which only a request without a body may
  /// (RFC 9110, section 7.8).
  public func upgradesTo(_ protocol: String) -> Bool {
    let named = head.fields.filter { $0.name == "upgrade" }
    return method == "GET" && head.minorVersion == 1 && head.framing == .length(0) && named.count == 1
      && named[0].value.lowercased() == `protocol` && head.connectionOptions.contains("upgrade")
  }

  /// The value of a header field, whatever the case of `name`; nil: there is none.
  public func header(_ name: String) -> String? { head[name.lowercased()] }

  /// The first value of a query parameter; nil: there is none.
  public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

  /// What `{name}` of the pattern matched.
  public func parameter(_ name: String) -> String { parameters[name] ?? "" }

  /// What `{name}` matched, as a number.
  public func number<Number: FixedWidthInteger>(_ name: String, as type: Number.Type = Number.self) throws -> Number {
    let text = parameter(name)
    guard text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Number(text) else {
      throw APIError.invalid("\(text.prefix(80).debugDescription) is not a number that can stand here.", subject: name)
    }
    return number
  }

  /// The body as JSON.
  public func json<Value: Decodable>(_ type: Value.Type = Value.self, limit: Int = 1 << 20) async throws -> Value {
    let bytes = try await body.collect(limit: limit)
    do {
      return try WireJSON.decode(type, from: bytes)
    } catch let error as DecodingError {
      throw APIError.invalid("The request's body is not what is expected here: \(error.reason)")
    }
  }

  /// A name or a value of the query, in which clients write a space as a plus sign, as HTML's forms do.
  private static func decode(field text: Substring) throws(APIError) -> String {
    try decode(text.utf8.contains(UInt8(ascii: "+")) ? text.replacing("+", with: "%20")[...] : text)
  }

  /// Undoes percent-encoding. What is not UTF-8 then, or holds a NUL, is refused.
  private static func decode(_ text: Substring) throws(APIError) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      if byte != UInt8(ascii: "%") {
        bytes.append(byte)
        continue
      }
      let digits = String(Substring(rest.prefix(2)))
      guard digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit), let value = UInt8(digits, radix: 16) else {
        throw .invalid("The address has a % without two hexadecimal digits after it.")
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    guard !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self) else {
      throw .invalid("The address is not UTF-8.")
    }
    return decoded
  }
}

extension DecodingError {
  /// What is wrong and where, in one sentence.
  public var reason: String {
    let context: Context
    let fault: String
    switch self {
    case .keyNotFound(let key, let found):
      context = found
      fault = "the key \(key.stringValue) is missing"
    case .valueNotFound(_, let found):
      context = found
      fault = "null can't stand here"
    case .typeMismatch(let type, let found):
      context = found
      fault = "a value of type \(type) is expected"
    case .dataCorrupted(let found):
      context = found
      fault = found.debugDescription
    @unknown default: return "\(self)"
    }
    let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? "." + $0.stringValue }.joined()
    return path.isEmpty ? "\(fault)." : "\(fault), at \(path)."
  }
}
