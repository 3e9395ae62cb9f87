import Wire

/// Sends one answer.
struct ReplyWriter {
  let socket: ConnectionSocket
  let limits: Limits
  /// Whether the client may send another request afterwards.
  var keepsAlive = true
  /// Whether the request was HEAD: the answer's head is GET's, and the body is left out.
  var isHead = false
  /// HTTP/1.0 knows no chunks: there, a stream goes on until the connection ends.
  var takesChunks = true

  init(socket: ConnectionSocket, limits: Limits) {
    self.socket = socket
    self.limits = limits
  }

  func send(_ reply: Reply) async throws {
    switch reply.content {
    case .bytes(let bytes):
      // RFC 9110, section 8.6: neither has a length.
      let hasLength = reply.status != 204 && reply.status != 304
      let head = Self.head(reply, hasLength ? "Content-Length: \(bytes.count)\r\n" : "", keepsAlive)
      try await send(isHead || !hasLength ? head : head + bytes)
    case .stream(let makeIterator):
      try await send(Self.head(reply, takesChunks ? "Transfer-Encoding: chunked\r\n" : "", keepsAlive))
      if !isHead { try await send(makeIterator()) }
    case .sized(let length, let makeIterator):
      let hasLength = reply.status != 204 && reply.status != 304
      try await send(Self.head(reply, hasLength ? "Content-Length: \(length)\r\n" : "", keepsAlive))
      if !isHead && hasLength { try await send(makeIterator(), length: length) }
    case .upgrade:
      try await send(Self.head(reply, "", connection: "Upgrade"))
    }
  }

  /// More or fewer bytes than announced end the connection: what follows would be read as another answer.
  private func send(_ pieces: any AsyncIteratorProtocol<[UInt8], any Error>, length: Int) async throws {
    var pieces = pieces
    var left = length
    while left > 0, let piece = try await pieces.next(isolation: nil) {
      guard piece.count <= left else { break }
      left -= piece.count
      try await send(piece)
    }
    try Task.checkCancellation()
    guard left == 0 else { throw WrongLength(announced: length) }
  }

  private struct WrongLength: Error {
    let announced: Int
  }

  private func send(_ pieces: any AsyncIteratorProtocol<[UInt8], any Error>) async throws {
    var pieces = pieces
    while let piece = try await pieces.next(isolation: nil) {
      // An empty chunk would be the end.
      if piece.isEmpty { continue }
      try await send(
        takesChunks ? [UInt8]((String(piece.count, radix: 16) + "\r\n").utf8) + piece + [13, 10] : piece)
    }
    // A sequence may end early when its task is cancelled: that must not look whole.
    try Task.checkCancellation()
    if takesChunks { try await send([UInt8]("0\r\n\r\n".utf8)) }
  }

  private func send(_ bytes: [UInt8]) async throws { try await socket.send(bytes, stallSeconds: limits.stallSeconds) }

  /// For a connection that is refused before anything is read from it.
  static func bytes(_ error: APIError) -> [UInt8] {
    let reply = Reply.error(error)
    guard case .bytes(let body) = reply.content else { return [] }
    return head(reply, "Content-Length: \(body.count)\r\n", false) + body
  }

  private static func head(_ reply: Reply, _ framing: String, _ keepsAlive: Bool) -> [UInt8] {
    head(reply, framing, connection: keepsAlive ? "keep-alive" : "close")
  }

  private static func head(_ reply: Reply, _ framing: String, connection: String) -> [UInt8] {
    var text = "HTTP/1.1 \(reply.status) \(phrases[reply.status] ?? "Status")\r\n"
    for (name, value) in reply.headers {
      // A line break in a name or value would smuggle in another field, or an answer.
      let line = "\(name): \(value)".unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : $0 }
      text.unicodeScalars += line
      text += "\r\n"
    }
    text += framing
    text += "Connection: \(connection)\r\n\r\n"
    return [UInt8](text.utf8)
  }

  /// The reason phrases of what Cairn answers.
  private static let phrases = [
    101: "Switching Protocols", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
    302: "Found",
    304: "Not Modified", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 410: "Gone", 413: "Content Too Large",
    414: "URI Too Long", 416: "Range Not Satisfiable", 417: "Expectation Failed", 422: "Unprocessable Content",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    505: "HTTP Version Not Supported", 507: "Insufficient Storage",
  ]
}
