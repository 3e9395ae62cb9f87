import Wire

/// The bytes of an answer's body as they come. To be read once, by one task.
///
/// The connection ends with the body, with an error, when the reading task is cancelled, and when
/// nobody holds the response any more.
public struct ResponseBody: AsyncSequence, Sendable {
  public typealias Element = [UInt8]

  let reader: ResponseReader
  let request: String

  public struct AsyncIterator: AsyncIteratorProtocol {
    let reader: ResponseReader

    public func next() async throws -> [UInt8]? { try await reader.next() }
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: reader) }

  /// The whole body, of at most `limit` bytes.
  public func collect(limit: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    while let piece = try await reader.next() {
      if bytes.count + piece.count > limit { throw HTTPClientError.tooLarge(request: request, limit: limit) }
      bytes += piece
    }
    return bytes
  }

  /// The body's lines, without their ends (LF, or CR LF).
  public var lines: Lines { Lines(body: self) }

  /// The body as server-sent events.
  public var events: ServerSentEvents { ServerSentEvents(body: self) }

  public struct Lines: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    /// Bytes of a line; a longer one is an error.
    public static let maximumLength = 4 << 20

    let body: ResponseBody

    public struct AsyncIterator: AsyncIteratorProtocol {
      let body: ResponseBody
      private var buffer: ArraySlice<UInt8> = []
      private var isFinished = false

      init(body: ResponseBody) { self.body = body }

      public mutating func next() async throws -> [UInt8]? {
        var searched = 0
        while true {
          if let end = buffer.dropFirst(searched).firstIndex(of: 10) {
            let line = buffer[..<end]
            buffer = buffer[(end + 1)...]
            return [UInt8](line.last == 13 ? line.dropLast() : line)
          }
          searched = buffer.count
          if searched > Lines.maximumLength {
            throw HTTPClientError.tooLarge(request: body.request, limit: Lines.maximumLength)
          }
          guard !isFinished, let piece = try await body.reader.next() else {
            isFinished = true
            defer { buffer = [] }
            return buffer.isEmpty ? nil : [UInt8](buffer)
          }
          buffer = buffer.isEmpty ? piece[...] : buffer + piece
        }
      }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: body) }
  }
}

/// A body as server-sent events, by the WHATWG HTML standard's section on them.
public struct ServerSentEvents: AsyncSequence, Sendable {
  public typealias Element = ServerSentEvent

  let body: ResponseBody

  public struct AsyncIterator: AsyncIteratorProtocol {
    var lines: ResponseBody.Lines.AsyncIterator
    private var lastID: String?

    init(lines: ResponseBody.Lines.AsyncIterator) { self.lines = lines }

    public mutating func next() async throws -> ServerSentEvent? {
      var event = ""
      var data: [String] = []
      var length = 0
      // What the end of the body cuts off is no event.
      while let line = try await lines.next() {
        if line.isEmpty {
          if data.isEmpty {
            event = ""
            continue
          }
          return ServerSentEvent(
            event: event.isEmpty ? "message" : event, data: data.joined(separator: "\n"), id: lastID)
        }
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        let name = String(decoding: line[..<(colon ?? line.endIndex)], as: UTF8.self)
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == 32 { value = value.dropFirst() }
        let text = String(decoding: value, as: UTF8.self)
        switch name {
        case "event": event = text
        case "data":
          length += line.count
          if length > ResponseBody.Lines.maximumLength {
            throw HTTPClientError.tooLarge(request: lines.body.request, limit: ResponseBody.Lines.maximumLength)
          }
          data.append(text)
        case "id": lastID = text
        // A comment (an empty name), `retry`, or something newer.
        default: break
        }
      }
      return nil
    }
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(lines: body.lines.makeAsyncIterator()) }
}
