/// Reads one response from a connection, as its bytes come.
///
/// What the other side sends is not trusted: lines, heads and numbers have limits, and anything that
/// is not strictly HTTP/1.1 ends the connection.
actor ResponseReader {
  private static let maximumHead = 64 << 10
  private static let pieceSize = 64 << 10

  private enum Progress {
    /// Bytes to come of the whole body.
    case length(Int)
    /// Bytes to come of the current chunk.
    case chunk(Int)
    case chunkSize
    case untilEnd
    case finished
  }

  private let socket: UnixSocket
  private let request: String
  private let idleSeconds: Double
  private var buffer: ArraySlice<UInt8> = []
  private var progress = Progress.finished

  init(_ socket: UnixSocket, request: String, idleSeconds: Double) {
    self.socket = socket
    self.request = request
    self.idleSeconds = idleSeconds
  }

  /// The head of the final response; interim ones (1xx) are passed over.
  /// - Parameters:
  ///   - isBodiless: whether the request was HEAD, to which no body is sent whatever the head says.
  ///   - isUpgrade: whether 101 is a final response, after which the connection speaks another protocol.
  func head(isBodiless: Bool = false, isUpgrade: Bool = false) async throws -> ResponseHead {
    try await reporting {
      while true {
        let bytes = try await take(through: [13, 10, 13, 10], limit: Self.maximumHead)
        let head = try ResponseHead(parsing: bytes)
        if head.status == 101 {
          guard isUpgrade else { throw ResponseHead.Malformed(reason: "it changes the protocol unasked") }
          return head
        }
        if head.status < 200 { continue }
        switch isBodiless ? .length(0) : try head.framing() {
        case .length(0): progress = .finished
        case .length(let length): progress = .length(length)
        case .chunked: progress = .chunkSize
        case .untilEnd: progress = .untilEnd
        }
        return head
      }
    }
  }

  /// What came after the head of a response with status 101.
  func takeRest() -> [UInt8] {
    defer { buffer = [] }
    return [UInt8](buffer)
  }

  /// The next bytes of the body; nil at its end.
  func next() async throws -> [UInt8]? {
    try await reporting {
      while true {
        switch progress {
        case .finished:
          return nil
        case .untilEnd:
          if let piece = try await piece(Self.pieceSize, mayEnd: true) { return piece }
          finish()
        case .length(let left):
          let piece = try await piece(left)!
          if piece.count == left { finish() } else { progress = .length(left - piece.count) }
          return piece
        case .chunkSize:
          let size = try chunkSize(await take(through: [13, 10], limit: 1024))
          if size > 0 {
            progress = .chunk(size)
          } else {
            while try await !take(through: [13, 10], limit: Self.maximumHead).isEmpty {}
            finish()
          }
        case .chunk(0):
          guard try await take(through: [13, 10], limit: 2).isEmpty else {
            throw ResponseHead.Malformed(reason: "a chunk is longer than it says")
          }
          progress = .chunkSize
        case .chunk(let left):
          let piece = try await piece(left)!
          progress = .chunk(left - piece.count)
          return piece
        }
      }
    }
  }

  private func finish() {
    progress = .finished
    socket.end()
  }

  private func chunkSize(_ line: ArraySlice<UInt8>) throws -> Int {
    // Extensions after a semicolon mean nothing to us.
    let digits = line.prefix { $0 != UInt8(ascii: ";") }
    let text = String(decoding: digits, as: UTF8.self)
    guard (1...15).contains(digits.count), text.allSatisfy(\.isHexDigit), let size = Int(text, radix: 16) else {
      throw ResponseHead.Malformed(reason: "a chunk's size is \(text.prefix(40).debugDescription)")
    }
    return size
  }

  /// The bytes before `separator`, which is passed over too.
  private func take(through separator: [UInt8], limit: Int) async throws -> ArraySlice<UInt8> {
    var searched = 0
    while true {
      if let range = buffer.dropFirst(searched).firstRange(of: separator) {
        let bytes = buffer[..<range.lowerBound]
        buffer = buffer[range.upperBound...]
        return bytes
      }
      searched = max(0, buffer.count - separator.count + 1)
      if buffer.count > limit { throw ResponseHead.Malformed(reason: "a line or head is longer than \(limit) bytes") }
      let more = try await socket.receive(Self.pieceSize)
      if more.isEmpty { throw Ended() }
      buffer = buffer.isEmpty ? more[...] : buffer + more
    }
  }

  /// Up to `most` bytes, at least one; nil at the end of the connection where `mayEnd`.
  private func piece(_ most: Int, mayEnd: Bool = false) async throws -> [UInt8]? {
    if buffer.isEmpty {
      buffer = try await socket.receive(Self.pieceSize)[...]
      if buffer.isEmpty {
        if mayEnd { return nil }
        throw Ended()
      }
    }
    let piece = [UInt8](buffer.prefix(most))
    buffer = buffer.dropFirst(most)
    return piece
  }

  private struct Ended: Error {}

  /// Turns what went wrong below into ``HTTPClientError``, and ends the connection: it is of no more use.
  private func reporting<Result>(_ body: () async throws -> Result) async throws -> Result {
    do {
      return try await body()
    } catch {
      progress = .finished
      socket.end()
      switch error {
      case UnixSocket.Failure.timedOut: throw HTTPClientError.timedOut(request: request, seconds: idleSeconds)
      case UnixSocket.Failure.system(let error):
        throw HTTPClientError.disconnected(request: request, reason: "\(error)")
      case is Ended: throw HTTPClientError.disconnected(request: request, reason: "the daemon closed it")
      case let malformed as ResponseHead.Malformed:
        throw HTTPClientError.malformed(request: request, reason: malformed.reason)
      default: throw error
      }
    }
  }
}
