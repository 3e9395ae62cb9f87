import Wire

/// What a route's handler answers.
public struct Reply: Sendable {
  enum Content: Sendable {
    case bytes([UInt8])
    /// Sent chunked, a piece as soon as it is there.
    case stream(@Sendable () -> any AsyncIteratorProtocol<[UInt8], any Error>)
    /// The same, of so many bytes.
    case sized(Int, @Sendable () -> any AsyncIteratorProtocol<[UInt8], any Error>)
    /// Nothing more of HTTP: the connection is handed over.
    case upgrade(@Sendable (UpgradedConnection) async -> Void)
  }

  public var status: Int
  public var headers: [(name: String, value: String)]
  var content: Content

  /// 204.
  public static let empty = Reply(status: 204, headers: [], content: .bytes([]))

  public static func json(_ value: some Encodable, status: Int = 200) throws -> Reply {
    .bytes(try WireJSON.encode(value), contentType: "application/json", status: status)
  }

  public static func bytes(_ bytes: [UInt8], contentType: String, status: Int = 200) -> Reply {
    Reply(status: status, headers: [("Content-Type", contentType)], content: .bytes(bytes))
  }

  public static func text(_ text: String, status: Int = 200) -> Reply {
    .bytes([UInt8](text.utf8), contentType: "text/plain; charset=utf-8", status: status)
  }

  /// A body that is sent as it comes. When it throws, the connection is cut, so that the client knows
  /// that something is missing.
  public static func stream(
    contentType: String, status: Int = 200, _ pieces: some AsyncSequence<[UInt8], any Error> & Sendable
  ) -> Reply {
    Reply(
      status: status, headers: [("Content-Type", contentType)], content: .stream { pieces.makeAsyncIterator() })
  }

  /// What another server answered. Its body is sent as it comes.
  /// - Parameters:
  ///   - headers: without those that say how long the body is, and what becomes of the connection.
  ///   - length: of the body; nil: its end will tell.
  public static func forwarded(
    status: Int, headers: [(name: String, value: String)], length: Int?,
    _ pieces: some AsyncSequence<[UInt8], any Error> & Sendable
  ) -> Reply {
    let content: Content =
      if let length { .sized(length) { pieces.makeAsyncIterator() } } else { .stream { pieces.makeAsyncIterator() } }
    return Reply(status: status, headers: headers, content: content)
  }

  /// 101: the connection speaks `protocol` from now on, and `serve` has it until it returns.
  ///
  /// Only to be answered to a request that asked for it (``Request/upgradesTo(_:)``).
  public static func upgrade(
    to protocol: String, headers: [(name: String, value: String)],
    _ serve: @escaping @Sendable (UpgradedConnection) async -> Void
  ) -> Reply {
    Reply(status: 101, headers: headers + [("Upgrade", `protocol`)], content: .upgrade(serve))
  }

  /// Server-sent events: pieces made of ``ServerSentEvent/encoded`` and ``ServerSentEvent/heartbeat``.
  ///
  /// The server notices that a client has gone only when it writes: send a heartbeat every 15 s or so.
  public static func events(_ pieces: some AsyncSequence<[UInt8], any Error> & Sendable) -> Reply {
    var reply = Reply.stream(contentType: "text/event-stream", pieces)
    reply.headers.append(("Cache-Control", "no-store"))
    return reply
  }

  public static func error(_ error: APIError) -> Reply {
    let bytes = (try? WireJSON.encode(error)) ?? [UInt8](#"{"code":"internal","message":"unprintable"}"#.utf8)
    return .bytes(bytes, contentType: "application/json", status: error.status)
  }
}
