import FoundationEssentials
import Glibc
import Linux
import Logging
import Testing
import UnixHTTP
import Wire

@testable import HTTPService

/// Starts a service at a socket of its own, runs `body`, and stops the service.
func withService(_ router: Router, _ body: (UnixHTTPClient) async throws -> Void) async throws {
  let path = "/tmp/cairn-service.\(getpid()).\(UInt32.random(in: 0 ... .max)).sock"
  let service = HTTPService(address: .unix(path: path, group: nil), router: router, logger: Logger(label: "test"))
  try await service.start()
  do {
    try await body(UnixHTTPClient(socketPath: path))
  } catch {
    await service.stop(graceSeconds: 1)
    throw error
  }
  await service.stop(graceSeconds: 1)
  #expect(access(path, F_OK) != 0, "the socket is still there")
}

@Suite struct HTTPServiceTests {
  struct Greeting: Codable, Equatable {
    var helloWorld: String
  }

  private var router: Router {
    var router = Router()
    router.add("GET", "/v1/greetings/{name}") { request in
      try .json(Greeting(helloWorld: request.parameter("name") + (request.query("mark") ?? "")))
    }
    router.add("POST", "/v1/greetings") { request in
      try await .json(request.json(Greeting.self), status: 201)
    }
    router.add("DELETE", "/v1/greetings/{number}") { request in
      let _: UInt32 = try request.number("number")
      return .empty
    }
    router.add("GET", "/files/{path...}") { .text($0.parameter("path")) }
    router.add("POST", "/count") { request in
      var count = 0
      for try await piece in request.body { count += piece.count }
      return .text("\(count)")
    }
    router.add("POST", "/refuse") { _ in throw APIError.conflict("No.", subject: "this") }
    router.add("GET", "/fault") { _ in throw CocoaError(.fileNoSuchFile) }
    router.add("GET", "/ticks") { _ in
      let (pieces, continuation) = AsyncThrowingStream.makeStream(of: [UInt8].self)
      Task {
        for number in 1...3 {
          continuation.yield(ServerSentEvent.heartbeat)
          continuation.yield(ServerSentEvent(event: "tick", data: "line 1\nline \(number)", id: "\(number)").encoded)
          try await Task.sleep(for: .milliseconds(20))
        }
        continuation.finish()
      }
      return .events(pieces)
    }
    router.add("GET", "/cut") { _ in
      let (pieces, continuation) = AsyncThrowingStream.makeStream(of: [UInt8].self)
      continuation.yield([1, 2, 3])
      continuation.finish(throwing: CocoaError(.fileReadUnknown))
      return .stream(contentType: "application/octet-stream", pieces)
    }
    return router
  }

  @Test func jsonGoesBothWaysInSnakeCase() async throws {
    try await withService(router) { client in
      let answer: Greeting = try await client.get("/v1/greetings/" + UnixHTTPClient.escape("Zoë & co") + "?mark=%21")
      #expect(answer == Greeting(helloWorld: "Zoë & co!"))
      let raw = try await client.send("GET", "/v1/greetings/x")
      #expect(String(decoding: raw, as: UTF8.self) == #"{"hello_world":"x"}"#)
      let posted: Greeting = try await client.post("/v1/greetings", answer)
      #expect(posted == answer)
      #expect(try await client.send("DELETE", "/v1/greetings/17").isEmpty)
      #expect(String(decoding: try await client.send("GET", "/files/a/b%2Fc/d"), as: UTF8.self) == "a/b/c/d")
    }
  }

  @Test func refusalsHaveACodeASentenceAndASubject() async throws {
    try await withService(router) { client in
      await #expect(throws: APIError(status: 409, code: "conflict", message: "No.", subject: "this")) {
        try await client.send("POST", "/refuse")
      }
      let cases: [(String, String, UnixHTTPClient.Body, Int, String)] = [
        ("GET", "/nowhere", .none, 404, "not_found"),
        ("PUT", "/v1/greetings", .none, 405, "method_not_allowed"),
        ("POST", "/v1/greetings", .bytes([UInt8]("{".utf8), contentType: "application/json"), 400, "invalid"),
        ("POST", "/v1/greetings", .bytes([UInt8]("{}".utf8), contentType: "application/json"), 400, "invalid"),
        ("POST", "/v1/greetings", .bytes([UInt8](repeating: 32, count: 2 << 20), contentType: "x/y"), 413, "too_large"),
        ("DELETE", "/v1/greetings/-1", .none, 400, "invalid"),
        ("DELETE", "/v1/greetings/99999999999", .none, 400, "invalid"),
        ("GET", "/v1/greetings/%ff", .none, 400, "invalid"),
        ("GET", "/v1/greetings/%4", .none, 400, "invalid"),
        ("GET", "/fault", .none, 500, "internal"),
      ]
      for (method, target, body, status, code) in cases {
        let error = await #expect(throws: APIError.self, "\(method) \(target)") {
          try await client.send(method, target, body: body)
        }
        #expect(error?.status == status && error?.code == code, "\(method) \(target): \(String(describing: error))")
      }
    }
  }

  @Test func aStreamedBodyOfManyMegabytesArrivesWhole() async throws {
    try await withService(router) { client in
      let answer = try await client.send(
        "POST", "/count",
        body: .stream { writer in
          for size in 0..<2_000 { try await writer.write([UInt8](repeating: 7, count: size * 8)) }
        })
      #expect(String(decoding: answer, as: UTF8.self) == "\(1_999 * 2_000 / 2 * 8)")
    }
  }

  @Test func anUploadThatIsRefusedEarlyStillGetsTheRefusal() async throws {
    try await withService(router) { client in
      let error = await #expect(throws: APIError.self) {
        try await client.send(
          "POST", "/refuse", body: .stream { while true { try await $0.write([UInt8](repeating: 1, count: 100_000)) } })
      }
      #expect(error?.status == 409)
    }
  }

  @Test func whatARefusedUploadLeavesUnreadIsNotTakenForARequest() async throws {
    try await withService(router) { client in
      let smuggled = "DELETE /v1/greetings/1 HTTP/1.1\r\nHost: x\r\n\r\n"
      let size = String(smuggled.utf8.count, radix: 16)
      let answer = try await exchange(
        client.socketPath,
        "POST /refuse HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\(size)\r\n\(smuggled)\r\n0\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 409 "))
      #expect(!answer.contains("204"))
    }
  }

  @Test func eventsArriveOneByOne() async throws {
    try await withService(router) { client in
      let response = try await client.request("GET", "/ticks")
      #expect(response.head["content-type"] == "text/event-stream")
      var events: [ServerSentEvent] = []
      for try await event in response.body.events { events.append(event) }
      #expect(events == (1...3).map { ServerSentEvent(event: "tick", data: "line 1\nline \($0)", id: "\($0)") })
    }
  }

  @Test func aStreamThatFailsIsCutAndNotEnded() async throws {
    try await withService(router) { client in
      let response = try await client.request("GET", "/cut")
      let error = await #expect(throws: HTTPClientError.self) { try await response.body.collect(limit: 100) }
      guard case .disconnected = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  @Test func headLeavesTheBodyOut() async throws {
    try await withService(router) { client in
      let answer = try await exchange(
        client.socketPath, "HEAD /files/abc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.contains("Content-Length: 3\r\n"))
      #expect(answer.hasSuffix("\r\n\r\n"))
    }
  }

  @Test func aSocketThatSomebodyAnswersOnIsRefusedAndAStaleOneReplaced() async throws {
    try await withService(router) { client in
      let second = HTTPService(
        address: .unix(path: client.socketPath, group: nil), router: Router(), logger: Logger(label: "test"))
      await #expect(throws: ListenError.self) { try await second.start() }
      // The first one still answers.
      let answer = try await client.send("DELETE", "/v1/greetings/1")
      #expect(answer.isEmpty)
    }
    let stale = "/tmp/cairn-service.\(getpid()).stale/run/x.sock"
    defer { try? FileManager.default.removeItem(atPath: "/tmp/cairn-service.\(getpid()).stale") }
    let first = HTTPService(address: .unix(path: stale, group: nil), router: router, logger: Logger(label: "test"))
    try await first.start()
    // A crash leaves the file, with nobody listening.
    #expect(rename(stale, stale + ".kept") == 0)
    await first.stop(graceSeconds: 0)
    #expect(rename(stale + ".kept", stale) == 0)
    let second = HTTPService(address: .unix(path: stale, group: nil), router: router, logger: Logger(label: "test"))
    try await second.start()
    #expect(try await UnixHTTPClient(socketPath: stale).send("DELETE", "/v1/greetings/1").isEmpty)
    var status = stat()
    #expect(lstat(stale, &status) == 0 && status.st_mode & 0o777 == 0o660)
    await second.stop(graceSeconds: 0)
  }

  @Test(arguments: [
    "relative.sock", "/tmp/" + String(repeating: "x", count: 103), "/proc/nothing/x.sock", "/etc/passwd",
  ])
  func anImpossibleSocketIsRefusedWithAReason(path: String) async throws {
    let service = HTTPService(address: .unix(path: path, group: nil), router: Router(), logger: Logger(label: "test"))
    await #expect(throws: ListenError.self) { try await service.start() }
  }

  @Test func anAddressIsOneServicesAlone() async throws {
    let service = HTTPService(
      address: .tcp(host: "127.0.0.1", port: 0), router: Router(), logger: Logger(label: "test"))
    try await service.start()
    let port = try #require(await service.port)
    let second = HTTPService(
      address: .tcp(host: "127.0.0.1", port: port), router: Router(), logger: Logger(label: "test"))
    await #expect(throws: ListenError.self) { try await second.start() }
    let answer = try await exchange(port: port, "GET /v1/jobs HTTP/1.1\r\nConnection: close\r\n\r\n")
    #expect(answer.hasPrefix("HTTP/1.1 404 "))
    await service.stop(graceSeconds: 0)
  }

  @Test func stoppingWaitsForARequestInProgress() async throws {
    var router = Router()
    let hasBegun = Monitor(false)
    router.add("GET", "/slow") { _ in
      hasBegun.withLock { $0 = true }
      try await Task.sleep(for: .milliseconds(300))
      return .text("done")
    }
    let path = "/tmp/cairn-service.\(getpid()).slow.sock"
    let service = HTTPService(address: .unix(path: path, group: nil), router: router, logger: Logger(label: "test"))
    try await service.start()
    async let answer = UnixHTTPClient(socketPath: path).send("GET", "/slow")
    while !hasBegun.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
    let start = ContinuousClock.now
    await service.stop(graceSeconds: 100)
    let text = try await String(decoding: answer, as: UTF8.self)
    #expect(text == "done")
    #expect(ContinuousClock.now - start < .seconds(50))
  }

  /// In a process of its own, since the limit is the process's.
  @Test func aServiceThatRanOutOfDescriptorsComesBack() async {
    await #expect(processExitsWith: .success) {
      var router = Router()
      router.add("GET", "/") { _ in .text("here") }
      let path = "/tmp/cairn-service.\(getpid()).limit.sock"
      let service = HTTPService(address: .unix(path: path, group: nil), router: router, logger: Logger(label: "test"))
      try await service.start()
      let client = UnixHTTPClient(socketPath: path)
      _ = try await client.send("GET", "/")
      var limit = rlimit(rlim_cur: 64, rlim_max: 1024)
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      var last = dup(0)
      // More than once: the server closes its end of the first request in its own time.
      for _ in 0..<20 {
        while case let next = dup(0), next >= 0 { last = next }
        usleep(20_000)
      }
      // One descriptor is left: the client's, with none for the server to accept on.
      close(last)
      let refused = try? await client.request("GET", "/", idleSeconds: 1)
      limit.rlim_cur = 1024
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      guard refused == nil else { exit(2) }
      for _ in 0..<100 {
        try await Task.sleep(for: .milliseconds(100))
        if (try? await client.send("GET", "/")) != nil {
          await service.stop(graceSeconds: 0)
          exit(0)
        }
      }
      exit(3)
    }
  }
}
