import Testing
import Wire

@testable import HTTPService

@Suite struct RequestHeadParserTests {
  /// The head, or the status that the bytes are refused with; nil where more have to come.
  private func parse(_ bytes: [UInt8], piece: Int = .max) -> Result<RequestHead, APIError>? {
    var parser = RequestHeadParser()
    var rest = bytes[...]
    while !rest.isEmpty {
      var part = rest.prefix(piece)
      rest = rest.dropFirst(part.count)
      do throws(APIError) {
        if let head = try parser.parse(&part) { return .success(head) }
      } catch {
        return .failure(error)
      }
    }
    return nil
  }

  private func head(_ text: String) throws -> RequestHead { try #require(parse([UInt8](text.utf8))).get() }

  private func status(_ text: String) -> Int? {
    if case .failure(let error) = parse([UInt8](text.utf8)) { error.status } else { nil }
  }

  @Test func aHeadIsTakenApart() throws {
    let head = try head("\r\nPOST /a%20b?c=d HTTP/1.1\r\nHost: x\r\nX-Y:\t z  z \t\r\nContent-Length: 12\r\nE:\r\n\r\n")
    #expect(head.method == "POST" && head.target == "/a%20b?c=d" && head.minorVersion == 1)
    #expect(head["x-y"] == "z  z" && head["e"] == "" && head["content-length"] == "12" && head["f"] == nil)
    #expect(head.framing == .length(12) && head.keepsAlive && !head.expectsContinue)
    #expect(try self.head("GET http://host:80/x?y HTTP/1.1\r\n\r\n").target == "/x?y")
    #expect(try self.head("GET HTTP://host?y HTTP/1.1\r\n\r\n").target == "/?y")
    #expect(try self.head("GET / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n").framing == .chunked)
    #expect(try self.head("GET / HTTP/1.1\r\nExpect: 100-Continue\r\n\r\n").expectsContinue)
    #expect(try !self.head("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n").keepsAlive)
    #expect(try !self.head("GET / HTTP/1.0\r\n\r\n").keepsAlive)
  }

  @Test func itDoesNotMatterHowTheBytesAreCut() throws {
    let bytes = [UInt8]("PUT /x HTTP/1.1\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
    let whole = try #require(parse(bytes)).get()
    for piece in 1...bytes.count { #expect(try parse(bytes, piece: piece)?.get() == whole, "\(piece)") }
    for count in 0..<bytes.count { #expect(parse(Array(bytes.prefix(count))) == nil, "\(count)") }
  }

  @Test func whatFollowsTheHeadIsLeft() throws {
    var parser = RequestHeadParser()
    var bytes = [UInt8]("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nrest".utf8)[...]
    #expect(try parser.parse(&bytes)?.target == "/1")
    #expect(try parser.parse(&bytes)?.target == "/2")
    #expect(String(decoding: bytes, as: UTF8.self) == "rest")
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\nHost: x\n\n", 400), ("GET / HTTP/1.1\r\nA: b\n\r\n", 400),
    ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400), ("GET / HTTP/1.1\r\n A: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nA : b\r\n\r\n", 400), ("GET / HTTP/1.1\r\n: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nA\r\n\r\n", 400), ("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nA\0: b\r\n\r\n", 400), ("GET /\0 HTTP/1.1\r\n\r\n", 400), ("\0\0\0\0\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1 \r\n\r\n", 400), ("GET /\r\n\r\n", 400), ("GET\r\n\r\n", 400),
    ("\r\n\r\n", 400), ("GET /ü HTTP/1.1\r\n\r\n", 400), ("GET /#x HTTP/1.1\r\n\r\n", 400),
    ("GET x HTTP/1.1\r\n\r\n", 400), ("CONNECT x:80 HTTP/1.1\r\n\r\n", 400), ("G(T / HTTP/1.1\r\n\r\n", 400),
    ("GET / http/1.1\r\n\r\n", 400), ("GET / HTTP/2.0\r\n\r\n", 505), ("GET / HTTP/1.2\r\n\r\n", 505),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", 400), ("POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400), ("POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400), ("POST / HTTP/1.1\r\nContent-Length: 1 1\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400), ("GET / HTTP/1.1\r\nExpect: x\r\n\r\n", 417),
  ])
  func whatCouldBeReadInTwoWaysIsRefused(text: String, status: Int) {
    #expect(self.status(text) == status)
  }

  @Test func lengthsAreTakenUpToTheLimitAndNotBeyond() {
    func line(_ length: Int) -> String { "X: " + String(repeating: "y", count: length - 3) + "\r\n" }
    func address(_ length: Int) -> String {
      "GET /" + String(repeating: "y", count: length - 14) + " HTTP/1.1\r\n"
    }
    let request = "GET / HTTP/1.1\r\n"
    #expect(status(address(8192) + "\r\n") == nil && status(address(8193) + "\r\n") == 414)
    #expect(status(request + line(8192) + "\r\n") == nil && status(request + line(8193) + "\r\n") == 431)
    // Before the line's end has come.
    #expect(status("GET /" + String(repeating: "y", count: 8190)) == 414)
    #expect(status(request + "X: " + String(repeating: "y", count: 8192)) == 431)
    let lines = String(repeating: line(8000), count: 4)
    let rest = 32_768 - request.utf8.count - lines.utf8.count - 2
    #expect(status(request + lines + line(rest - 2) + "\r\n") == nil)
    #expect(status(request + lines + line(rest - 1) + "\r\n") == 431)
    #expect(status(request + String(repeating: "A: b\r\n", count: 100) + "\r\n") == nil)
    #expect(status(request + String(repeating: "A: b\r\n", count: 101) + "\r\n") == 431)
  }

  /// Whatever comes, the parser neither traps nor depends on where the bytes are cut, and a head that it
  /// takes holds nothing that could begin another line.
  @Test(arguments: 0..<4) func noBytesBreakIt(seed: UInt64) async throws {
    var random = SplitMix(state: seed)
    let seeds = [
      "POST /v1/jobs?x=%20 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n0123456789",
      "GET http://x/y HTTP/1.0\r\nConnection: close, x\r\nTransfer-Encoding: chunked\r\nA:\tb\r\n\r\n",
    ].map { [UInt8]($0.utf8) }
    let telling = [UInt8]("\r\n\0 :\t%#/?,\u{7f}".utf8) + [0x80, 0xff]
    for round in 0..<1_500 {
      // Other suites measure times meanwhile, on the same few threads.
      await Task.yield()
      var bytes: [UInt8]
      if round % 8 == 0 {
        bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      } else {
        bytes = seeds.randomElement(using: &random)!
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          let place = Int.random(in: 0..<bytes.count, using: &random)
          let byte =
            Bool.random(using: &random)
            ? telling.randomElement(using: &random)! : UInt8.random(in: 0...255, using: &random)
          switch Int.random(in: 0..<4, using: &random) {
          case 0: bytes[place] = byte
          case 1: bytes.insert(byte, at: place)
          case 2 where bytes.count > 1: bytes.remove(at: place)
          default: bytes.insert(contentsOf: bytes[place...].prefix(40), at: place)
          }
        }
      }
      let whole = parse(bytes)
      let cut = parse(bytes, piece: Int.random(in: 1...7, using: &random))
      switch (whole, cut) {
      case (nil, nil): break
      case (.success(let a), .success(let b)):
        #expect(a == b)
        let texts = [a.method, a.target] + a.fields.flatMap { [$0.name, $0.value] }
        #expect(texts.allSatisfy { !$0.utf8.contains { $0 < 32 && $0 != 9 || $0 == 127 } })
        if case .length(let length) = a.framing { #expect(length >= 0) }
      case (.failure(let a), .failure(let b)):
        #expect(a.status == b.status && [400, 414, 417, 431, 501, 505].contains(a.status))
      default: Issue.record("\(bytes): \(String(describing: whole)), \(String(describing: cut))")
      }
    }
  }

  /// A generator whose failures can be had again.
  private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }
}
