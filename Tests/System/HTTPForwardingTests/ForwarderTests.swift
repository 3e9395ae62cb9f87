import Glibc
import HTTPForwarding
import HTTPService
import Linux
import Logging
import Testing

@Suite(.serialized, .timeLimit(.minutes(3))) struct ForwarderTests {
  /// Calls `body` with the socket of a proxy before a server that behaves like `serve`.
  private func withProxy(
    _ serve: @escaping @Sendable (ScriptedConnection) -> Void, _ body: @escaping @Sendable (String) async throws -> Void
  ) async throws {
    let server = try ScriptedServer(serve)
    defer { server.stop() }
    try await withProxy(to: server.path, body)
  }

  private func withProxy(to socket: String, _ body: (String) async throws -> Void) async throws {
    let path = "/tmp/cairn-proxy.\(getpid()).\(UInt32.random(in: 0 ... .max)).sock"
    let forwarder = Forwarder(
      socket: socket, fields: ForwardedFields(prefix: "/p/", ownCookies: "cairn_", authorization: nil))
    let service = HTTPService(
      address: .unix(path: path, group: nil), router: Router { try await forwarder.reply(to: $0, target: $0.target) },
      logger: Logger(label: "test"))
    try await service.start()
    let result: Result<Void, any Error>
    do { result = .success(try await body(path)) } catch { result = .failure(error) }
    await service.stop(graceSeconds: 1)
    try result.get()
  }

  /// Sends `text` and returns all that comes back.
  private func exchange(_ path: String, _ text: String) async throws -> String {
    try await onOwnThread {
      let connection = try ScriptedConnection.to(path)
      defer { close(connection.descriptor) }
      connection.send(text)
      return connection.receive(until: "\0")
    }
  }

  @Test func aRequestGoesOnWithItsBodyAndTheAnswerComesBack() async throws {
    let notes = Notes()
    try await withProxy { connection in
      notes.add(connection.receive(until: "hello"))
      connection.send("HTTP/1.1 201 Created\r\nContent-Length: 3\r\nX-A: b\r\n\r\nyes")
    } _: { path in
      let answer = try await exchange(
        path, "POST /p/x%20y?q=%2F HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
      #expect(answer.hasPrefix("HTTP/1.1 201 Created\r\n"))
      #expect(answer.contains("x-a: b\r\n") && answer.contains("Content-Length: 3\r\n") && answer.hasSuffix("yes"))
    }
    #expect(
      notes.all == [
        "POST /p/x%20y?q=%2F HTTP/1.1\r\nhost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
      ])
  }

  @Test func bodiesOfUnknownLengthGoChunkedBothWaysAsTheyCome() async throws {
    try await withProxy { connection in
      let begin = connection.receive(until: "3\r\none\r\n")
      guard begin.contains("Transfer-Encoding: chunked") else { return }
      // Answered only when the first piece has come, and goes on only when the client has got that.
      connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      guard connection.receive(until: "0\r\n\r\n").hasPrefix("3\r\ntwo\r\n") else { return }
      connection.send("4\r\ndone\r\n0\r\n\r\n")
    } _: { path in
      let text = try await onOwnThread {
        let connection = try ScriptedConnection.to(path)
        defer { close(connection.descriptor) }
        connection.send("PUT /p/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\none\r\n")
        let head = connection.receive(until: "\r\n\r\n")
        connection.send("3\r\ntwo\r\n0\r\n\r\n")
        return head + connection.receive(until: "\0")
      }
      #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.hasSuffix("4\r\ndone\r\n0\r\n\r\n"))
    }
  }

  @Test func aHeadOrAnAnswerWithoutABodyIsNotWaitedFor() async throws {
    try await withProxy { connection in
      let isHead = connection.receive().hasPrefix("HEAD")
      connection.send(
        isHead ? "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" : "HTTP/1.1 304 Not Modified\r\nETag: e\r\n\r\n")
      _ = connection.receive()
    } _: { path in
      let answer = try await exchange(
        path, "HEAD /p/ HTTP/1.1\r\n\r\nGET /p/ HTTP/1.1\r\nConnection: close\r\n\r\n")
      #expect(answer.contains("Content-Length: 99\r\n") && answer.contains("HTTP/1.1 304 Not Modified\r\netag: e\r\n"))
      #expect(answer.hasSuffix("\r\n\r\n") && !answer.contains("chunked"))
    }
  }

  @Test(arguments: [
    "POST /p/ HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /p/smuggled HTTP/1.1\r\n\r\n",
    "POST /p/ HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 0\r\n\r\nGET /p/smuggled HTTP/1.1\r\n\r\n",
    "POST /p/ HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\nGET /p/smuggled HTTP/1.1\r\n\r\n",
    "POST /p/ HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\nGET /p/smuggled HTTP/1.1\r\n\r\n",
    "POST /p/ HTTP/1.1\r\nContent-Length: +4\r\n\r\nGET /p/smuggled HTTP/1.1\r\n\r\n",
    "GET /p/ HTTP/1.1\nX: y\n\nGET /p/smuggled HTTP/1.1\r\n\r\n",
  ])
  func requestsThatCouldBeReadInTwoWaysNeverReachTheServer(_ request: String) async throws {
    let notes = Notes()
    try await withProxy { connection in
      notes.add(connection.receive())
    } _: { path in
      let answer = try await exchange(path, request)
      #expect(answer.hasPrefix("HTTP/1.1 400 ") || answer.hasPrefix("HTTP/1.1 501 "))
    }
    #expect(notes.all.isEmpty)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/2 200\r\n\r\n", "",
    "HTTP/1.1 200 OK\r\nBad Header: x\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/1.1 200 OK\r\n" + String(repeating: "x", count: 70_000),
  ])
  func answersThatMakeNoSenseBecome502(_ answer: String) async throws {
    try await withProxy { connection in
      _ = connection.receive(until: "\r\n\r\n")
      connection.send(answer)
    } _: { path in
      let answer = try await exchange(path, "GET /p/ HTTP/1.1\r\nConnection: close\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 502 "))
    }
  }

  @Test func anAnswerThatIsCutOffIsCutOffForTheClient() async throws {
    try await withProxy { connection in
      _ = connection.receive(until: "\r\n\r\n")
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    } _: { path in
      let answer = try await exchange(path, "GET /p/ HTTP/1.1\r\n\r\nGET /p/ HTTP/1.1\r\n\r\n")
      #expect(answer.hasSuffix("\r\n\r\nhalf"))
    }
  }

  @Test func aLinkInTheSocketsPlaceIsNotFollowed() async throws {
    let server = try ScriptedServer { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
    defer { server.stop() }
    let link = server.path + ".link"
    symlink(server.path, link)
    defer { unlink(link) }
    try await withProxy(to: link) { path in
      let answer = try await exchange(path, "GET /p/ HTTP/1.1\r\nConnection: close\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 502 "))
    }
    try await withProxy(to: server.path) { path in
      let answer = try await exchange(path, "GET /p/ HTTP/1.1\r\nConnection: close\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 200 "))
    }
  }

  private static let handshake =
    "GET /p/ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n"

  @Test func aWebSocketIsATunnelWithBytesThatCameEarlyAndHalfCloses() async throws {
    let notes = Notes()
    try await withProxy { connection in
      notes.add(connection.receive())
      connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nwelcome")
      notes.add(connection.receive(until: "\0"))
      // The client has ended its side, and still listens.
      connection.send("goodbye")
    } _: { path in
      let text = try await onOwnThread {
        let connection = try ScriptedConnection.to(path)
        defer { close(connection.descriptor) }
        connection.send(Self.handshake + "early")
        usleep(20_000)
        connection.send(" late")
        connection.finishSending()
        return connection.receive(until: "\0")
      }
      #expect(text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
      #expect(text.contains("Upgrade: websocket\r\n") && text.hasSuffix("\r\n\r\nwelcomegoodbye"))
    }
    #expect(notes.all.last == "early late")
    #expect(notes.all.first?.hasSuffix("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n") ?? false)
  }

  @Test func noOtherProtocolIsChangedTo() async throws {
    let notes = Notes()
    try await withProxy { connection in
      notes.add(connection.receive())
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    } _: { path in
      let request = Self.handshake.replacing("WebSocket", with: "h2c").replacing("keep-alive", with: "close")
      let answer = try await exchange(path, request)
      #expect(answer.hasPrefix("HTTP/1.1 200 OK"))
    }
    #expect(notes.all.count == 1 && !notes.all[0].contains("pgrade"))
  }

  @Test func aServerThatRefusesAWebSocketIsHeard() async throws {
    try await withProxy { connection in
      _ = connection.receive()
      connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    } _: { path in
      let answer = try await onOwnThread {
        let connection = try ScriptedConnection.to(path)
        defer { close(connection.descriptor) }
        connection.send(Self.handshake)
        return connection.receive(until: "no")
      }
      #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
    }
  }

  /// A server that sends much to a client that takes nothing must wait: else the proxy's memory would hold it all.
  @Test(arguments: [true, false])
  func whoReadsSlowlyHoldsTheOtherSideBack(isTunnel: Bool) async throws {
    let pieces = 1024
    let sent = Notes()
    try await withProxy { connection in
      _ = connection.receive()
      connection.send(
        isTunnel ? "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n")
      for _ in 0..<pieces where connection.send([UInt8](repeating: 7, count: 64 << 10)) { sent.add("") }
    } _: { path in
      let received = try await onOwnThread {
        let connection = try ScriptedConnection.to(path)
        defer { close(connection.descriptor) }
        connection.send(
          isTunnel ? Self.handshake : "GET /p/ HTTP/1.1\r\nConnection: close\r\n\r\n")
        // Until nothing moves any more.
        var before = -1
        while case let now = sent.all.count, now != before || now == 0 {
          before = now
          usleep(200_000)
        }
        #expect(before < 64)
        var count = 0
        while let piece = connection.receive() { count += piece.utf8.count { $0 == 7 } }
        return count
      }
      #expect(received == pieces * (64 << 10))
    }
  }

  @Test func manyTunnelsAtOnceDoNotDisturbEachOther() async throws {
    try await withProxy { connection in
      _ = connection.receive()
      connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
      while let piece = connection.receive(), connection.send(piece) {}
    } _: { path in
      try await withThrowingTaskGroup { group in
        for number in 0..<100 {
          group.addTask {
            let echoed = try await onOwnThread {
              let connection = try ScriptedConnection.to(path)
              defer { close(connection.descriptor) }
              connection.send(Self.handshake)
              _ = connection.receive(until: "\r\n\r\n")
              var echoed = ""
              for round in 0..<10 {
                connection.send("\(number):\(round);")
                echoed += connection.receive(until: ";")
              }
              return echoed
            }
            #expect(echoed == (0..<10).map { "\(number):\($0);" }.joined())
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
