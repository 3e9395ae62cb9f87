import Glibc
import Linux
import Logging
import Synchronization
import Testing
import UnixHTTP
import Wire

@testable import HTTPService

/// What clients do that are careless, slow or hostile.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ConnectionTests {
  private func withService(
    _ router: Router = Self.router, limits: Limits = Limits(), _ body: (String) async throws -> Void
  ) async throws {
    let path = "/tmp/cairn-connection.\(getpid()).\(UInt32.random(in: 0 ... .max)).sock"
    let service = HTTPService(
      address: .unix(path: path, group: nil), router: router, logger: Logger(label: "test"), limits: limits)
    try await service.start()
    do {
      try await body(path)
    } catch {
      await service.stop(graceSeconds: 1)
      throw error
    }
    await service.stop(graceSeconds: 1)
  }

  private static var router: Router {
    var router = Router()
    router.add("GET", "/hello") { _ in .text("hello") }
    router.add("GET", "/peer") { request in .text(request.peer.map { "\($0.pid) \($0.uid) \($0.gid)" } ?? "nobody") }
    router.add("GET", "/header") { _ in
      var reply = Reply.text("x")
      reply.headers.append(("X-Name", "a\r\nX-Smuggled: b"))
      return reply
    }
    router.add("POST", "/echo") { .bytes(try await $0.body.collect(limit: 1 << 20), contentType: "x/y") }
    router.add("POST", "/ignore") { _ in .text("ignored") }
    router.add("GET", "/endless") { _ in
      .events(
        AsyncThrowingStream(unfolding: {
          try await Task.sleep(for: .milliseconds(5))
          return ServerSentEvent.heartbeat
        }))
    }
    router.add("GET", "/large") { _ in .bytes([UInt8](repeating: 7, count: 8 << 20), contentType: "x/y") }
    return router
  }

  /// In a process of its own, where no other test holds the threads while times are measured.
  @Test func headsOfManyMegabytesAreRefusedAtOnceWhileOthersAreServed() async {
    await #expect(processExitsWith: .success) {
      var router = Router()
      router.add("GET", "/hello") { _ in .text("hello") }
      let service = HTTPService(
        address: .tcp(host: "127.0.0.1", port: 0), router: router, logger: Logger(label: "test"))
      try await service.start()
      let port = try #require(await service.port)
      for (start, status) in [
        ("GET / HTTP/1.1\r\nX: ", 431), ("GET /", 414), ("", 414), ("GET / HTTP/1.1\r\n", 431), ("\r\n", 414),
      ] {
        let hostile = [UInt8](start.utf8) + [UInt8](repeating: UInt8(ascii: "y"), count: 4 << 20)
        try await withThrowingTaskGroup { group in
          for _ in 0..<4 {
            group.addTask {
              let begin = ContinuousClock.now
              let connection = try RawConnection(port: port)
              try await connection.send(hostile)
              let answer = try await connection.receive()
              #expect(answer.hasPrefix("HTTP/1.1 \(status) ") && answer.contains("Connection: close\r\n"))
              #expect(ContinuousClock.now - begin < .seconds(1))
            }
          }
          for _ in 0..<10 {
            let begin = ContinuousClock.now
            let answer = try await exchange(port: port, "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n")
            #expect(answer.hasSuffix("hello"))
            #expect(ContinuousClock.now - begin < .seconds(1))
          }
          try await group.waitForAll()
        }
      }
      await service.stop(graceSeconds: 0)
      exit(0)
    }
  }

  @Test(arguments: [
    ("GET /hello HTTP/1.1\n\n", 400), ("GET /hello HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
    ("POST /echo HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST /echo HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\n", 400),
    ("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
    ("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\nx", 400),
    ("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n", 400),
    ("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 400),
    ("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + String(repeating: "0", count: 9000), 400),
  ])
  func afterAMalformedRequestTheConnectionEnds(request: String, status: Int) async throws {
    try await withService { path in
      let answer = try await exchange(path, request + "GET /hello HTTP/1.1\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 \(status) ") && answer.contains("Connection: close\r\n"))
      #expect(!answer.contains("200 OK"))
    }
  }

  @Test func requestsFollowEachOtherOnAConnection() async throws {
    try await withService { path in
      let connection = try RawConnection(path: path)
      for _ in 0..<3 {
        try await connection.send("GET /hello HTTP/1.1\r\n\r\n")
        #expect(try await connection.receive(until: "hello").contains("Connection: keep-alive\r\n"))
      }
      try await connection.send(
        "GET /hello HTTP/1.1\r\n\r\nPOST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\none"
          + "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\ntw\r\n1\r\no\r\n0\r\nA: b\r\n\r\n"
          + "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\nGET /hello HTTP/1.1\r\n\r\n")
      let answers = try await connection.receive()
      let bodies = answers.split(separator: "HTTP/1.1 200 OK").map { $0.split(separator: "\r\n\r\n").last }
      #expect(bodies == ["hello", "one", "two", "hello"])
    }
  }

  @Test func aBodyThatTheHandlerLeftEndsTheConnection() async throws {
    try await withService { path in
      let answer = try await exchange(
        path, "POST /ignore HTTP/1.1\r\nContent-Length: 30\r\n\r\nGET /hello HTTP/1.1\r\n\r\n1234567")
      #expect(answer.contains("Connection: close\r\n") && answer.hasSuffix("ignored"))
    }
  }

  @Test func theClientIsToldToContinueWhenItsBodyIsWanted() async throws {
    try await withService { path in
      let connection = try RawConnection(path: path)
      try await connection.send("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
      #expect(try await connection.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
      try await connection.send("body")
      #expect(try await connection.receive(until: "body").hasPrefix("HTTP/1.1 200 OK\r\n"))
      try await connection.send("POST /ignore HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
      #expect(try await connection.receive().hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
  }

  @Test func aClientThatGoesInTheMiddleIsNoticed() async throws {
    let outcome = Monitor<APIError?>(nil)
    var router = Self.router
    router.add("POST", "/upload") { request in
      do {
        for try await _ in request.body {}
      } catch let error as APIError {
        outcome.withLock { $0 = error }
        outcome.wakeAll()
      }
      return .empty
    }
    for framing in ["Content-Length: 100\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n40\r\n"] {
      outcome.withLock { $0 = nil }
      try await withService(router) { path in
        var connection: RawConnection? = try RawConnection(path: path)
        try await connection?.send("POST /upload HTTP/1.1\r\n\(framing)0123456789")
        connection = nil
        let error = try await onOwnThread { outcome.wait(seconds: 60) { $0 } }
        #expect(error?.status == 400)
        #expect(try await exchange(path, "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n").hasSuffix("hello"))
      }
    }
  }

  @Test func aClientThatEndsItsSideIsStillAnswered() async throws {
    try await withService { path in
      let connection = try RawConnection(path: path)
      try await connection.send("GET /large HTTP/1.1\r\n\r\n")
      connection.endSending()
      #expect(try await connection.receive().utf8.count > 8 << 20)
    }
  }

  @Test func oldClientsGetStreamsWithoutChunks() async throws {
    try await withService { path in
      let connection = try RawConnection(path: path)
      try await connection.send("GET /endless HTTP/1.0\r\n\r\n")
      let answer = try await connection.receive(until: ":\n\n:\n\n")
      #expect(answer.contains("Connection: close\r\n") && !answer.contains("chunked"))
    }
  }

  @Test func aHeadThatComesTooSlowlyIsRefused() async throws {
    var limits = Limits()
    limits.headSeconds = 0.3
    limits.idleSeconds = 0.3
    try await withService(limits: limits) { path in
      let slow = try RawConnection(path: path)
      let begin = ContinuousClock.now
      for byte in "GET /hello" {
        try await slow.send(String(byte))
        try await Task.sleep(for: .milliseconds(60))
      }
      #expect(try await slow.receive().hasPrefix("HTTP/1.1 408 "))
      // One that sends nothing, and one that is kept alive for nothing.
      let silent = try RawConnection(path: path)
      #expect(try await silent.receive() == "")
      let idle = try RawConnection(path: path)
      try await idle.send("GET /hello HTTP/1.1\r\n\r\n")
      #expect(try await idle.receive().hasSuffix("hello"))
      #expect(ContinuousClock.now - begin < .seconds(45))
    }
  }

  @Test func connectionsAreCounted() async throws {
    var limits = Limits()
    limits.connections = 8
    try await withService(limits: limits) { path in
      do {
        var held: [RawConnection] = []
        for _ in 0..<8 {
          let connection = try RawConnection(path: path)
          try await connection.send("GET /hello HTTP/1.1\r\n\r\n")
          #expect(try await connection.receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
          held.append(connection)
        }
        let extra = try RawConnection(path: path)
        #expect(try await extra.receive().hasPrefix("HTTP/1.1 503 "))
        try await held[7].send("GET /hello HTTP/1.1\r\n\r\n")
        #expect(try await held[7].receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
      }
      // They are gone, and there is room again.
      for attempt in 0... {
        let answer = try? await exchange(path, "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n")
        if answer?.hasSuffix("hello") ?? false { break }
        try #require(attempt < 100)
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }

  @Test func thePeerIsKnown() async throws {
    try await withService { path in
      let answer = try await exchange(path, "GET /peer HTTP/1.1\r\nConnection: close\r\n\r\n")
      #expect(answer.hasSuffix("\r\n\r\n\(getpid()) \(getuid()) \(getgid())"))
    }
  }

  @Test func onlyRootTheDaemonAndTheGroupAreTrusted() {
    func peer(_ uid: UInt32, _ gid: UInt32, _ groups: [UInt32] = []) -> Peer {
      Peer(pid: 1, uid: uid, gid: gid, groups: groups)
    }
    #expect(peer(0, 0).isTrusted(owner: 5, group: nil) && peer(5, 6).isTrusted(owner: 5, group: nil))
    #expect(peer(9, 7).isTrusted(owner: 5, group: 7) && peer(9, 8, [9, 7]).isTrusted(owner: 5, group: 7))
    #expect(!peer(9, 8, [9]).isTrusted(owner: 5, group: 7) && !peer(9, 0, [0]).isTrusted(owner: 5, group: nil))
  }

  /// As another user, in a process of its own. Where the tests don't run as root there is no other user to be.
  @Test(.enabled(if: geteuid() == 0)) func aPeerOutsideTheGroupIsRefusedThoughTheSocketLetsItIn() async {
    await #expect(processExitsWith: .success) {
      let path = "/tmp/cairn-connection.\(getpid()).peer.sock"
      var router = Router()
      router.add("GET", "/") { _ in .text("in") }
      let service = HTTPService(
        address: .unix(path: path, group: "daemon"), router: router, logger: Logger(label: "test"))
      try await service.start()
      chmod(path, 0o666)
      func answer(_ uid: uid_t, _ gid: gid_t) async throws -> String {
        guard setgroups(0, nil) == 0, setegid(gid) == 0, seteuid(uid) == 0 else {
          throw SystemError("seteuid", "\(uid)")
        }
        let connection = try RawConnection(path: path)
        guard seteuid(0) == 0, setegid(0) == 0 else { throw SystemError("seteuid", "0") }
        try await connection.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        return try await connection.receive()
      }
      let group = try #require(UnixListener.identifier(of: "daemon"))
      let member = try await answer(4711, group)
      let stranger = try await answer(4711, 4711)
      await service.stop(graceSeconds: 0)
      exit(member.hasSuffix("in") && stranger.hasPrefix("HTTP/1.1 403 ") && stranger.contains("group daemon") ? 0 : 1)
    }
  }

  @Test func aFieldOfAnAnswerCanNotHoldAnother() async throws {
    try await withService { path in
      let answer = try await exchange(path, "GET /header HTTP/1.1\r\nConnection: close\r\n\r\n")
      #expect(answer.contains("X-Name: a  X-Smuggled: b\r\n"))
    }
  }

  @Test func stoppingCutsStreamsAndIdleConnectionsAtOnce() async throws {
    let idle: RawConnection
    let stream: RawConnection
    let begin: ContinuousClock.Instant
    do {
      let path = "/tmp/cairn-connection.\(getpid()).stop.sock"
      let service = HTTPService(
        address: .unix(path: path, group: nil), router: Self.router, logger: Logger(label: "test"))
      try await service.start()
      idle = try RawConnection(path: path)
      try await idle.send("GET /hello HTTP/1.1\r\n\r\n")
      _ = try await idle.receive(until: "hello")
      stream = try RawConnection(path: path)
      try await stream.send("GET /endless HTTP/1.1\r\n\r\n")
      _ = try await stream.receive(until: "\r\n\r\n")
      begin = .now
      await service.stop(graceSeconds: 100)
      try await service.wait()
      #expect(throws: SystemError.self) { try RawConnection(path: path) }
    }
    #expect(ContinuousClock.now - begin < .seconds(50))
    #expect(try await idle.receive() == "")
    // Cut, not ended.
    #expect(try await !stream.receive().contains("\r\n0\r\n"))
  }
}
