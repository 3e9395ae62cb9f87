import Wire

/// A small HTTP/1.1 client over a Unix socket: one connection a request.
///
/// Nothing blocks the cooperative pool, cancelling the task ends the connection, and a body in either
/// direction may be streamed. Safe to use from any number of tasks.
public struct UnixHTTPClient: Sendable {
  public let socketPath: String
  /// Whether nobody but us can put something else in the socket's place.
  let followsLinks: Bool

  public init(socketPath: String) { self.init(socketPath: socketPath, followsLinks: true) }

  /// A client of a server that is not trusted, such as one in a container: it may have put a link in its socket's place.
  public init(untrustedSocketPath: String) { self.init(socketPath: untrustedSocketPath, followsLinks: false) }

  private init(socketPath: String, followsLinks: Bool) {
    self.socketPath = socketPath
    self.followsLinks = followsLinks
  }

  public enum Body: Sendable {
    case none
    case bytes([UInt8], contentType: String)
    /// Sent in pieces, of a length that is not known beforehand, as the closure writes them.
    case stream(@Sendable (BodyWriter) async throws -> Void)
  }

  /// Sends a request and returns as soon as the answer's head is there, whatever its status.
  ///
  /// - Parameters:
  ///   - target: path and query, escaped (``escape(_:)``).
  ///   - idleSeconds: the longest wait without any progress; nil: for ever.
  /// - Throws: ``HTTPClientError``, `CancellationError`, or what a streaming body's closure throws.
  public func request(
    _ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: Body = .none,
    idleSeconds: Double? = 120
  ) async throws -> Response {
    let name = "\(method) \(target)"
    let socket = try await UnixSocket(path: socketPath, idleSeconds: idleSeconds, followsLinks: followsLinks)
    let reader = ResponseReader(socket, request: name, idleSeconds: idleSeconds ?? 0)
    do {
      try await send(method, target, headers, body, over: socket)
    } catch UnixSocket.Failure.answeredEarly {
      // The daemon has refused before it had the whole body; its answer says why.
    } catch UnixSocket.Failure.timedOut {
      throw HTTPClientError.timedOut(request: name, seconds: idleSeconds ?? 0)
    } catch UnixSocket.Failure.system(let error) {
      throw HTTPClientError.disconnected(request: name, reason: "\(error)")
    }
    return Response(head: try await reader.head(), body: ResponseBody(reader: reader, request: name))
  }

  private func send(
    _ method: String, _ target: String, _ headers: [(name: String, value: String)], _ body: Body,
    over socket: UnixSocket
  ) async throws {
    // A line break in a name or value would smuggle in another header or request.
    let parts = [method, target] + headers.flatMap { [$0.name, $0.value] }
    guard parts.allSatisfy({ !$0.utf8.contains { $0 < 32 || $0 == 127 } }), !target.utf8.contains(32) else {
      throw HTTPClientError.malformed(request: "\(method) \(target)", reason: "a control character in the request")
    }
    var head = "\(method) \(target) HTTP/1.1\r\nHost: cairn\r\nConnection: close\r\n"
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    switch body {
    case .none:
      if method != "GET" { head += "Content-Length: 0\r\n" }
      try await socket.send([UInt8]((head + "\r\n").utf8))
    case .bytes(let bytes, let contentType):
      head += "Content-Type: \(contentType)\r\nContent-Length: \(bytes.count)\r\n\r\n"
      try await socket.send([UInt8](head.utf8) + bytes)
    case .stream(let write):
      try await socket.send([UInt8]((head + "Transfer-Encoding: chunked\r\n\r\n").utf8))
      let writer = BodyWriter(socket)
      try await write(writer)
      try await writer.finish()
    }
  }

  /// Takes the pieces of a streamed request body and sends them in larger ones.
  public actor BodyWriter {
    private static let pieceSize = 64 << 10

    private let socket: UnixSocket
    private var buffer: [UInt8] = []

    init(_ socket: UnixSocket) { self.socket = socket }

    /// Returns when the bytes are buffered or sent. Not to be called again before that.
    public func write(_ bytes: [UInt8]) async throws {
      buffer += bytes
      if buffer.count >= Self.pieceSize { try await flush() }
    }

    private func flush() async throws {
      if buffer.isEmpty { return }
      let bytes = buffer
      buffer = []
      try await socket.send([UInt8]((String(bytes.count, radix: 16) + "\r\n").utf8) + bytes + [13, 10])
    }

    func finish() async throws {
      try await flush()
      try await socket.send([UInt8]("0\r\n\r\n".utf8))
    }
  }

  /// Percent-encodes everything but unreserved characters and `/`, for a path or a query's value.
  public static func escape(_ text: String) -> String {
    let digits = [UInt8]("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"), UInt8(ascii: "/"):
        bytes.append(byte)
      default:
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// An answer whose body may still be coming.
public struct Response: Sendable {
  public let head: ResponseHead
  public let body: ResponseBody

  public var status: Int { head.status }
}
