/// A request that goes on to another server as it came.
public struct ForwardedRequest: Sendable {
  public enum Framing: Sendable {
    case none
    case length(Int)
    case chunked
  }

  public var method: String
  /// Path and query, percent-encoded.
  public var target: String
  /// All fields but those that frame the body and are about the connection.
  public var headers: [(name: String, value: String)]
  public var framing: Framing
  /// The protocol that the connection is to speak afterwards; nil: none but HTTP.
  public var upgrade: String?

  public init(
    method: String, target: String, headers: [(name: String, value: String)], framing: Framing, upgrade: String? = nil
  ) {
    self.method = method
    self.target = target
    self.headers = headers
    self.framing = framing
    self.upgrade = upgrade
  }

  /// What is sent before the body.
  /// - Throws: ``HTTPClientError/malformed(request:reason:)`` where a part of it would end its line.
  func head() throws -> [UInt8] {
    let parts = [method, target] + headers.flatMap { [$0.name, $0.value] }
    guard parts.allSatisfy({ !$0.utf8.contains { $0 < 32 && $0 != 9 || $0 == 127 } }), !target.utf8.contains(32) else {
      throw HTTPClientError.malformed(request: "\(method) \(target)", reason: "a control character in the request")
    }
    var text = "\(method) \(target) HTTP/1.1\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    switch framing {
    // One that is not said is for some servers one that is missing.
    case .none: if !["GET", "HEAD"].contains(method) { text += "Content-Length: 0\r\n" }
    case .length(let count): text += "Content-Length: \(count)\r\n"
    case .chunked: text += "Transfer-Encoding: chunked\r\n"
    }
    if let upgrade {
      text += "Connection: Upgrade\r\nUpgrade: \(upgrade)\r\n\r\n"
    } else {
      text += "Connection: close\r\n\r\n"
    }
    return [UInt8](text.utf8)
  }
}

/// What a server answers to a ``ForwardedRequest``.
public enum ForwardedAnswer: Sendable {
  case response(Response)
  /// 101: the connection speaks the protocol that was asked for.
  case upgraded(ResponseHead, UpgradedSocket)
}

/// A connection to a server that speaks something else than HTTP from now on. One task may receive while another one
/// sends. It closes when nobody holds it any more.
public struct UpgradedSocket: Sendable {
  let socket: UnixSocket
  let reader: ResponseReader

  /// The next bytes, at least one of them; none: the server sends no more.
  public func receive(seconds: Double) async throws -> [UInt8] {
    let early = await reader.takeRest()
    if !early.isEmpty { return early }
    return try await socket.receive(64 << 10, seconds: seconds)
  }

  public func send(_ bytes: [UInt8]) async throws { try await socket.send(bytes, mayBeAnswered: true) }

  /// Tells the server that nothing more comes; it may go on sending.
  public func finishSending() { socket.finishSending() }
}

extension UnixHTTPClient {
  /// Sends a request on a connection of its own, its body as it comes, and returns when the answer's head is there. So
  /// nothing that one request holds can be taken for a part of another one.
  ///
  /// - Parameter idleSeconds: the longest wait without any progress.
  /// - Throws: ``HTTPClientError``, `CancellationError`, or what reading the body throws.
  public func forward(
    _ request: ForwardedRequest, body: some AsyncSequence<[UInt8], any Error> & Sendable, idleSeconds: Double
  ) async throws -> ForwardedAnswer {
    let name = "\(request.method) \(request.target.prefix(200))"
    let head = try request.head()
    let socket = try await UnixSocket(path: socketPath, idleSeconds: idleSeconds, followsLinks: followsLinks)
    let reader = ResponseReader(socket, request: name, idleSeconds: idleSeconds)
    do {
      try await socket.send(head)
      try await send(body, request.framing, over: socket)
    } catch UnixSocket.Failure.answeredEarly {
      // The server does not want the rest.
    } catch UnixSocket.Failure.timedOut {
      throw HTTPClientError.timedOut(request: name, seconds: idleSeconds)
    } catch UnixSocket.Failure.system(let error) {
      throw HTTPClientError.disconnected(request: name, reason: "\(error)")
    }
    let answer = try await reader.head(isBodiless: request.method == "HEAD", isUpgrade: request.upgrade != nil)
    if answer.status == 101 { return .upgraded(answer, UpgradedSocket(socket: socket, reader: reader)) }
    return .response(Response(head: answer, body: ResponseBody(reader: reader, request: name)))
  }

  private func send(
    _ body: some AsyncSequence<[UInt8], any Error>, _ framing: ForwardedRequest.Framing, over socket: UnixSocket
  ) async throws {
    switch framing {
    case .none: return
    case .length: for try await piece in body { try await socket.send(piece) }
    case .chunked:
      for try await piece in body where !piece.isEmpty {
        try await socket.send([UInt8]((String(piece.count, radix: 16) + "\r\n").utf8) + piece + [13, 10])
      }
      try await socket.send([UInt8]("0\r\n\r\n".utf8))
    }
  }
}
