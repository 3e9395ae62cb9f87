import Wire

/// Parses request heads (RFC 9112, sections 2 to 5) as their bytes come, in linear time and bounded
/// memory: each byte is looked at once, and nothing past a limit is kept.
///
/// Strict where leniency lets requests be smuggled: lines end with CR LF, no other control character
/// is taken, no field is folded, and no blank stands before a colon.
struct RequestHeadParser {
  /// Bytes of the request line and of each header line, without their ends.
  static let maximumLine = 8 << 10
  /// Bytes of a whole head.
  static let maximumHead = 32 << 10
  static let maximumFields = 100

  private struct RequestLine {
    var method: String
    var target: String
    var minorVersion: Int
  }

  private var line: [UInt8] = []
  private var total = 0
  private var requestLine: RequestLine?
  private var fields: [RequestHead.Field] = []

  /// Takes bytes off the front of `bytes`, up to the end of the head if it is there.
  /// - Returns: the head, once it is complete; the parser is ready for the next one then.
  /// - Throws: ``APIError`` with the status to answer. The connection is of no more use.
  mutating func parse(_ bytes: inout ArraySlice<UInt8>) throws(APIError) -> RequestHead? {
    while let end = bytes.firstIndex(of: 10) {
      try append(bytes[...end])
      bytes = bytes[(end + 1)...]
      line.removeLast()
      guard line.popLast() == 13 else { throw .invalid("A line of the request's head doesn't end with CR LF.") }
      if let head = try endLine() {
        self = Self()
        return head
      }
      line.removeAll(keepingCapacity: true)
    }
    try append(bytes)
    bytes = []
    return nil
  }

  private mutating func append(_ part: ArraySlice<UInt8>) throws(APIError) {
    total += part.count
    // Two more: CR LF.
    guard line.count + part.count <= Self.maximumLine + 2 else {
      guard requestLine != nil else {
        throw APIError(
          status: 414, code: "address_too_long",
          message: "The request's first line is longer than \(Self.maximumLine) bytes.")
      }
      throw Self.tooLarge("A header line is longer than \(Self.maximumLine) bytes.")
    }
    guard total <= Self.maximumHead else { throw Self.tooLarge("It is longer than \(Self.maximumHead) bytes.") }
    line += part
  }

  private static func tooLarge(_ reason: String) -> APIError {
    APIError(status: 431, code: "head_too_large", message: "The request's head is too large. \(reason)")
  }

  /// - Returns: the head, if the line was the empty one at its end.
  private mutating func endLine() throws(APIError) -> RequestHead? {
    guard let requestLine else {
      // An empty line may stand before a request: old clients send one after a body.
      if !line.isEmpty || total > 2 { self.requestLine = try Self.requestLine(line) }
      return nil
    }
    if line.isEmpty {
      return try RequestHead(
        method: requestLine.method, target: requestLine.target, minorVersion: requestLine.minorVersion, fields: fields)
    }
    guard fields.count < Self.maximumFields else {
      throw Self.tooLarge("It has more than \(Self.maximumFields) fields.")
    }
    fields.append(try Self.field(line))
    return nil
  }

  private static func requestLine(_ line: [UInt8]) throws(APIError) -> RequestLine {
    let parts = line.split(separator: 32, omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(isToken),
      // Visible ASCII, and no fragment, which is for clients only.
      parts[1].allSatisfy({ (33...126).contains($0) && $0 != UInt8(ascii: "#") })
    else { throw .invalid("The request's first line is not a method, an address and HTTP/1.1.") }
    let minorVersion: Int
    switch String(decoding: parts[2], as: UTF8.self) {
    case "HTTP/1.1": minorVersion = 1
    case "HTTP/1.0": minorVersion = 0
    case let version where version.hasPrefix("HTTP/") && version.utf8.count == 8:
      throw APIError(
        status: 505, code: "version_not_supported", message: "The versions that are taken are HTTP/1.1 and HTTP/1.0.")
    default: throw .invalid("The request's first line doesn't end with HTTP/1.1.")
    }
    return RequestLine(
      method: String(decoding: parts[0], as: UTF8.self), target: try target(parts[1]), minorVersion: minorVersion)
  }

  /// The forms of RFC 9112, section 3.2, but for that of CONNECT.
  private static func target(_ bytes: ArraySlice<UInt8>) throws(APIError) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    if bytes.first == UInt8(ascii: "/") || text == "*" { return text }
    guard let scheme = ["http://", "https://"].first(where: { text.lowercased().hasPrefix($0) }) else {
      throw .invalid("The request's address doesn't begin with a slash.")
    }
    let rest = text.dropFirst(scheme.count).drop { $0 != "/" && $0 != "?" }
    return rest.hasPrefix("/") ? String(rest) : "/" + rest
  }

  private static func field(_ line: [UInt8]) throws(APIError) -> RequestHead.Field {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0, line[..<colon].allSatisfy(isToken),
      line[colon...].allSatisfy({ $0 >= 32 && $0 != 127 || $0 == 9 })
    else { throw .invalid("A header line of the request is not a name, a colon and a value.") }
    let isBlank: (UInt8) -> Bool = { $0 == 32 || $0 == 9 }
    let value = line[(colon + 1)...].drop(while: isBlank)
    let end = value.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? value.startIndex
    return RequestHead.Field(
      name: String(decoding: line[..<colon], as: UTF8.self).lowercased(),
      value: String(decoding: value[..<end], as: UTF8.self))
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
