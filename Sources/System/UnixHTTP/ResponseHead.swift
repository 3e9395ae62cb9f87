/// The status line and header fields of an HTTP/1.1 response.
public struct ResponseHead: Equatable, Sendable {
  public var status: Int
  /// Names in lower case, in the order in which they came.
  public var fields: [(name: String, value: String)]

  public init(status: Int, fields: [(name: String, value: String)]) {
    self.status = status
    self.fields = fields
  }

  /// The value of a field, by its lower-case name; nil: there is none.
  public subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

  public static func == (a: Self, b: Self) -> Bool {
    a.status == b.status && a.fields.elementsEqual(b.fields) { $0 == $1 }
  }

  /// How the body's end is found (RFC 9112, section 6.3).
  enum Framing: Equatable {
    case length(Int)
    case chunked
    /// The body goes on until the connection ends.
    case untilEnd
  }

  struct Malformed: Error {
    let reason: String
  }

  /// Parses everything before the empty line. Lines end with CR LF; nothing laxer is taken.
  init(parsing bytes: some Collection<UInt8>) throws(Malformed) {
    let text = String(decoding: bytes, as: UTF8.self)
    var lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)[...]
    let statusLine = lines.popFirst() ?? ""
    let parts = statusLine.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0] == "HTTP/1.1" || parts[0] == "HTTP/1.0", parts[1].utf8.count == 3,
      let status = Self.digits(parts[1]), (100...599).contains(status)
    else { throw Malformed(reason: "the status line is \(statusLine.prefix(80).debugDescription)") }
    self.status = status
    fields = []
    for line in lines {
      guard let colon = line.firstIndex(of: ":"), colon != line.startIndex,
        line[..<colon].utf8.allSatisfy(Self.isToken), !line.utf8.contains(where: { $0 < 32 && $0 != 9 || $0 == 127 })
      else { throw Malformed(reason: "a header line is \(line.prefix(80).debugDescription)") }
      let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      let end = value.lastIndex { $0 != " " && $0 != "\t" }.map { value.index(after: $0) } ?? value.startIndex
      fields.append((line[..<colon].lowercased(), String(value[..<end])))
    }
  }

  /// Bytes of the body, where it says so, and of what GET would answer, where the request was HEAD.
  public var contentLength: Int? {
    self["transfer-encoding"] == nil ? self["content-length"].flatMap(Self.digits) : nil
  }

  func framing() throws(Malformed) -> Framing {
    if status < 200 || status == 204 || status == 304 { return .length(0) }
    let encodings = fields.filter { $0.name == "transfer-encoding" }.map(\.value)
    let lengths = fields.filter { $0.name == "content-length" }.map(\.value)
    if !encodings.isEmpty {
      guard encodings.count == 1, encodings[0].lowercased() == "chunked", lengths.isEmpty else {
        throw Malformed(reason: "its transfer encoding is \(encodings), with lengths \(lengths)")
      }
      return .chunked
    }
    guard let first = lengths.first else { return .untilEnd }
    guard lengths.allSatisfy({ $0 == first }), let length = Self.digits(first) else {
      throw Malformed(reason: "its content length is \(lengths)")
    }
    return .length(length)
  }

  /// A number of digits only: no sign, no blank; nil also when it doesn't fit.
  private static func digits(_ text: some StringProtocol) -> Int? {
    text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil
  }

  /// RFC 9110, section 5.6.2.
  private static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
