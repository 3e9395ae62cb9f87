import Wire

/// Reads requests from one connection, as their bytes come.
actor RequestReader {
  private enum Progress {
    /// Bytes to come of the whole body.
    case length(Int)
    /// Bytes to come of the current chunk.
    case chunk(Int)
    case chunkSize
    case finished
    /// Malformed or cut off: where the next request begins can't be known.
    case failed
  }

  /// Bytes of the line with a chunk's size, whose extensions mean nothing to us.
  private static let maximumChunkLine = 1 << 10

  private let socket: ConnectionSocket
  private let limits: Limits
  private var buffer: ArraySlice<UInt8> = []
  private var progress = Progress.finished
  private var mustContinue = false
  private var isReading = false
  /// Requests so far: a body that somebody has kept must not read what belongs to a later one.
  private(set) var number = 0

  init(_ socket: ConnectionSocket, _ limits: Limits) {
    self.socket = socket
    self.limits = limits
  }

  /// The next request's head; nil: the client sends no more.
  /// - Throws: ``APIError`` where what came is to be answered with an error, and the connection closed.
  func head() async throws -> RequestHead? {
    var parser = RequestHeadParser()
    if buffer.isEmpty {
      do {
        try await receive(seconds: number == 0 ? limits.headSeconds : limits.idleSeconds)
      } catch ConnectionSocket.Failure.timedOut {
        return nil
      }
      if buffer.isEmpty { return nil }
    }
    let deadline = ContinuousClock.now + .seconds(limits.headSeconds)
    while true {
      if let head = try parser.parse(&buffer) {
        number += 1
        progress =
          switch head.framing {
          case .length(0): .finished
          case .length(let length): .length(length)
          case .chunked: .chunkSize
          }
        mustContinue = head.expectsContinue
        return head
      }
      do {
        buffer = try await socket.receive(HTTPService.pieceSize, until: deadline)[...]
      } catch ConnectionSocket.Failure.timedOut {
        throw APIError(
          status: 408, code: "timeout", message: "The request's head took more than \(limits.headSeconds) s to come.")
      }
      if buffer.isEmpty { throw APIError.invalid("The request's head is cut off.") }
    }
  }

  /// What has come beyond the request, which is no more of this reader's then.
  func takeRest() -> [UInt8] {
    defer { buffer = [] }
    return [UInt8](buffer)
  }

  /// Whether all of the request's body has been read, so that the connection can carry another one.
  var isBodyFinished: Bool {
    if case .finished = progress { true } else { false }
  }

  /// The next bytes of the body of request `number`; nil at its end.
  func next(of number: Int) async throws -> [UInt8]? {
    guard number == self.number, !isReading else {
      throw APIError(status: 500, code: "internal", message: "A request's body was read twice, or too late.")
    }
    isReading = true
    defer { isReading = false }
    do {
      return try await next()
    } catch {
      progress = .failed
      throw error
    }
  }

  private func next() async throws -> [UInt8]? {
    while true {
      switch progress {
      case .finished: return nil
      case .failed: throw Self.cutOff
      case .length(let left):
        let piece = try await piece(left)
        progress = piece.count == left ? .finished : .length(left - piece.count)
        return piece
      case .chunkSize:
        let size = try Self.chunkSize(await line(limit: Self.maximumChunkLine))
        if size > 0 {
          progress = .chunk(size)
        } else {
          try await passOverTrailers()
          progress = .finished
        }
      case .chunk(0):
        guard try await line(limit: 2).isEmpty else {
          throw APIError.invalid("A chunk of the request's body is longer than it says.")
        }
        progress = .chunkSize
      case .chunk(let left):
        let piece = try await piece(left)
        progress = .chunk(left - piece.count)
        return piece
      }
    }
  }

  private func passOverTrailers() async throws {
    var total = 0
    while case let line = try await line(limit: RequestHeadParser.maximumLine), !line.isEmpty {
      total += line.count
      guard total <= RequestHeadParser.maximumHead else {
        throw APIError.invalid("The request's body has too many fields after it.")
      }
    }
  }

  private static func chunkSize(_ line: ArraySlice<UInt8>) throws(APIError) -> Int {
    let digits = String(decoding: line.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
    // 15 digits fit, whatever they are. Int would take a sign.
    guard (1...15).contains(digits.utf8.count), digits.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let size = Int(digits, radix: 16)
    else { throw .invalid("The size of a chunk of the request's body is \(digits.prefix(40).debugDescription).") }
    return size
  }

  private static let cutOff = APIError.invalid("The request's body is cut off.")

  /// The bytes before the next CR LF, which is passed over.
  private func line(limit: Int) async throws -> ArraySlice<UInt8> {
    var searched = 0
    while true {
      if let end = buffer.dropFirst(searched).firstIndex(of: 10) {
        let line = buffer[..<end]
        buffer = buffer[(end + 1)...]
        guard line.last == 13, line.count <= limit + 1 else { break }
        return line.dropLast()
      }
      searched = buffer.count
      guard searched <= limit else { break }
      let before = buffer
      try await receiveBody()
      buffer = before + buffer
    }
    throw APIError.invalid("A line between the chunks of the request's body is too long, or doesn't end with CR LF.")
  }

  /// Up to `most` bytes, at least one.
  private func piece(_ most: Int) async throws -> [UInt8] {
    if buffer.isEmpty { try await receiveBody() }
    let piece = [UInt8](buffer.prefix(most))
    buffer = buffer.dropFirst(most)
    return piece
  }

  private func receiveBody() async throws {
    if mustContinue {
      mustContinue = false
      if buffer.isEmpty {
        try await socket.send([UInt8]("HTTP/1.1 100 Continue\r\n\r\n".utf8), stallSeconds: limits.stallSeconds)
      }
    }
    do {
      try await receive(seconds: limits.stallSeconds)
    } catch ConnectionSocket.Failure.timedOut {
      throw APIError(
        status: 408, code: "timeout", message: "Nothing of the request's body came for \(limits.stallSeconds) s.")
    } catch ConnectionSocket.Failure.system {
      throw Self.cutOff
    }
    if buffer.isEmpty { throw Self.cutOff }
  }

  private func receive(seconds: Double) async throws {
    buffer = try await socket.receive(HTTPService.pieceSize, until: .now + .seconds(seconds))[...]
  }
}
