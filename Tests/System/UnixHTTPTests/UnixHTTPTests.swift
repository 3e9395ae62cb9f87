import Glibc
import Linux
import Testing
import Wire

@testable import UnixHTTP

@Suite struct UnixHTTPTests {
  /// Asks a server that sends `answer` and closes, or, with `thenHang`, keeps the connection.
  private func ask(
    _ answer: String, thenHang: Bool = false, idleSeconds: Double = 5, limit: Int = 1 << 20
  ) async throws -> (ResponseHead, [UInt8]) {
    let server = try RawServer(answer: [UInt8](answer.utf8), thenHang: thenHang)
    defer { server.stop() }
    let response = try await UnixHTTPClient(socketPath: server.path).request("GET", "/", idleSeconds: idleSeconds)
    return (response.head, try await response.body.collect(limit: limit))
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ("HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello and more", "hello"),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: t\r\n\r\n", "hello"
    ),
    ("HTTP/1.0 200 OK\r\n\r\nhello", "hello"),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ("HTTP/1.1 204 No Content\r\nX: \t y \r\n\r\n", ""),
  ])
  func aBodyEndsWhereItsFramingSays(answer: String, body: String) async throws {
    #expect(try await String(decoding: ask(answer).1, as: UTF8.self) == body)
  }

  @Test(arguments: [
    "SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 999 OK\r\n\r\n",
    "HTTP/1.1 +20 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "HTTP/1.1 200 OK\r\n folded: yes\r\n\r\n",
    "HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: " + String(repeating: "y", count: 200_000) + "\r\n\r\n",
  ])
  func whatIsNotStrictlyHTTPIsRefused(answer: String) async throws {
    let error = await #expect(throws: HTTPClientError.self) { try await ask(answer) }
    guard case .malformed = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(arguments: [
    "", "HTTP/1.1 200 OK\r\nConten", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
  ])
  func anAnswerThatIsCutOffIsNotTakenForWhole(answer: String) async throws {
    let error = await #expect(throws: HTTPClientError.self) { try await ask(answer) }
    guard case .disconnected = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func anAnswerLargerThanAllowedIsRefused() async throws {
    let error = await #expect(throws: HTTPClientError.self) {
      try await ask("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", limit: 4)
    }
    guard case .tooLarge(_, 4) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func aServerThatSaysNothingTimesOut() async throws {
    let error = await #expect(throws: HTTPClientError.self) {
      try await ask("HTTP/1.1 200 OK\r\n", thenHang: true, idleSeconds: 0.2)
    }
    guard case .timedOut = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func cancellingClosesTheConnection() async throws {
    let server = try RawServer(answer: [UInt8]("HTTP/1.1 200 OK\r\n\r\nfirst".utf8), thenHang: true)
    defer { server.stop() }
    let task = Task {
      let response = try await UnixHTTPClient(socketPath: server.path).request("GET", "/", idleSeconds: nil)
      for try await _ in response.body {}
    }
    try await Task.sleep(for: .milliseconds(100))
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(server.sawEnd(withinSeconds: 3))
  }

  @Test func aSocketThatNobodyListensOnIsToldFromOtherFaults() async throws {
    let stale = "/tmp/cairn-service.\(getpid()).\(UInt32.random(in: 0 ... .max)).dead"
    let server = try RawServer(answer: [], thenHang: false, path: stale)
    server.stopListening()
    defer { unlink(stale) }
    for (path, reason) in [
      ("/tmp/cairn-no-such.sock", "no such socket"), (stale, "nobody listens"),
      ("/" + String(repeating: "x", count: 107), "at most 107 bytes"), ("/etc/passwd/x", "no such socket"),
    ] {
      let error = await #expect(throws: HTTPClientError.self) {
        try await UnixHTTPClient(socketPath: path).send("GET", "/")
      }
      #expect(error?.isUnreachable == true)
      #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }
  }

  @Test func aRefusalThatIsNotOursIsStillAnAPIError() async throws {
    let server = try RawServer(
      answer: [UInt8]("HTTP/1.1 502 Bad\r\nContent-Length: 4\r\n\r\noops".utf8), thenHang: false)
    defer { server.stop() }
    let error = await #expect(throws: APIError.self) {
      try await UnixHTTPClient(socketPath: server.path).send("GET", "/x")
    }
    #expect(error?.status == 502 && error?.code == "http_502" && error?.message.contains("oops") == true)
  }

  @Test func linesAndEventsAreCutWhereTheyEnd() async throws {
    let text =
      "id: 7\r\nevent: a\r\ndata: one\r\ndata:two\r\n\r\n: comment\n\ndata\n\nretry: 1\n\nevent: lost\ndata: cut off"
    let server = try RawServer(answer: [UInt8]("HTTP/1.1 200 OK\r\n\r\n\(text)".utf8), thenHang: false)
    defer { server.stop() }
    let response = try await UnixHTTPClient(socketPath: server.path).request("GET", "/")
    var events: [ServerSentEvent] = []
    for try await event in response.body.events { events.append(event) }
    #expect(
      events == [
        ServerSentEvent(event: "a", data: "one\ntwo", id: "7"), ServerSentEvent(event: "message", data: "", id: "7"),
      ])
  }

  @Test func aRequestCanNotCarryAnother() async throws {
    let client = UnixHTTPClient(socketPath: "/tmp/cairn-no-such.sock")
    let server = try RawServer(answer: [], thenHang: false)
    defer { server.stop() }
    for (target, value) in [("/a b", "x"), ("/a\r\nX: y", "x"), ("/a", "x\r\nContent-Length: 0")] {
      let error = await #expect(throws: HTTPClientError.self) {
        try await UnixHTTPClient(socketPath: server.path).request("GET", target, headers: [("X", value)])
      }
      #expect(error?.isUnreachable == false)
    }
    #expect(UnixHTTPClient.escape("a b/ü%\n") == "a%20b/%C3%BC%25%0A")
    await #expect(throws: HTTPClientError.self) { try await client.send("GET", "/") }
  }
}
