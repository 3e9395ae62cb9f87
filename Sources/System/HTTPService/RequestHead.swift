import Wire

/// The request line and header fields of an HTTP/1 request.
struct RequestHead: Equatable, Sendable {
  struct Field: Equatable, Sendable {
    /// In lower case.
    var name: String
    var value: String
  }

  /// How the body's end is found (RFC 9112, section 6.3).
  enum Framing: Equatable, Sendable {
    case length(Int)
    case chunked
  }

  let method: String
  /// Path and query as they came, percent-encoded; without scheme and host.
  let target: String
  /// Of HTTP/1: 0 or 1.
  let minorVersion: Int
  let fields: [Field]
  let framing: Framing
  /// Whether the client waits for `100 Continue` before it sends the body.
  let expectsContinue: Bool

  /// - Throws: ``APIError`` where the fields contradict each other or ask for what there isn't.
  init(method: String, target: String, minorVersion: Int, fields: [Field]) throws(APIError) {
    self.method = method
    self.target = target
    self.minorVersion = minorVersion
    self.fields = fields
    framing = try Self.framing(fields, minorVersion: minorVersion)
    // One that is missing is no harm: Cairn has no virtual hosts.
    guard fields.count(where: { $0.name == "host" }) <= 1 else { throw .invalid("The request has several hosts.") }
    let expectation = fields.first { $0.name == "expect" }?.value.lowercased()
    guard expectation == nil || expectation == "100-continue" else {
      throw APIError(
        status: 417, code: "expectation_failed", message: "The request expects something other than 100-continue.")
    }
    expectsContinue = expectation != nil && minorVersion == 1
  }

  /// The first value of a field, by its name in lower case; nil: there is none.
  subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

  /// Whether the client can send another request on this connection.
  var keepsAlive: Bool {
    minorVersion == 1 && !connectionOptions.contains("close")
  }

  /// What the `Connection` fields name, in lower case.
  var connectionOptions: Set<String> {
    Set(
      fields.filter { $0.name == "connection" }.flatMap { field in
        field.value.split(separator: ",").map { Self.trimmed($0).lowercased() }
      })
  }

  /// Everything that a proxy before us could read differently is refused: what it takes for a body we
  /// could take for a request (RFC 9112, section 11.2).
  private static func framing(_ fields: [Field], minorVersion: Int) throws(APIError) -> Framing {
    let encodings = fields.filter { $0.name == "transfer-encoding" }.map(\.value)
    let lengths = fields.filter { $0.name == "content-length" }.map(\.value)
    guard encodings.count + lengths.count <= 1 else {
      throw .invalid("The request gives the length of its body more than once.")
    }
    if let encoding = encodings.first {
      guard minorVersion == 1 else { throw .invalid("HTTP/1.0 has no transfer encodings.") }
      guard encoding.lowercased() == "chunked" else {
        throw APIError(
          status: 501, code: "not_implemented", message: "The only transfer encoding that is taken is chunked.")
      }
      return .chunked
    }
    guard let text = lengths.first else { return .length(0) }
    // Digits only, and no more than fit: Int would take a sign.
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let length = Int(text) else {
      throw .invalid("The request's Content-Length is \(text.prefix(40).debugDescription).")
    }
    return .length(length)
  }

  private static func trimmed(_ text: Substring) -> Substring {
    let rest = text.drop { $0 == " " || $0 == "\t" }
    return rest.prefix { $0 != " " && $0 != "\t" }
  }
}
