import Wire

/// The bytes of a request's body, as they come. To be read once, by one task.
public struct RequestBody: AsyncSequence, Sendable {
  public typealias Element = [UInt8]

  private let reader: RequestReader
  private let number: Int
  /// Bytes of it; nil: it comes in chunks, and its end will tell.
  public let count: Int?

  init(_ reader: RequestReader, request number: Int, _ framing: RequestHead.Framing) {
    self.reader = reader
    self.number = number
    count = if case .length(let count) = framing { count } else { nil }
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let reader: RequestReader
    fileprivate let number: Int

    /// - Throws: ``APIError`` where the body is cut off or malformed.
    public mutating func next() async throws -> [UInt8]? { try await reader.next(of: number) }
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: reader, number: number) }

  /// The whole body. More than `limit` bytes are refused with 413.
  public func collect(limit: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    if let count {
      guard count <= limit else { throw tooLarge(limit) }
      bytes.reserveCapacity(count)
    }
    for try await piece in self {
      guard bytes.count + piece.count <= limit else { throw tooLarge(limit) }
      bytes += piece
    }
    return bytes
  }

  private func tooLarge(_ limit: Int) -> APIError {
    .tooLarge("The request's body is larger than the \(limit) bytes that are taken here.")
  }

  /// The body's lines, without their ends (LF, or CR LF). A line of more than `limit` bytes is refused.
  public func lines(limit: Int) -> Lines { Lines(body: self, limit: limit) }

  public struct Lines: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    fileprivate let body: RequestBody
    fileprivate let limit: Int

    public struct AsyncIterator: AsyncIteratorProtocol {
      fileprivate var base: RequestBody.AsyncIterator
      fileprivate let limit: Int
      private var buffer: ArraySlice<UInt8> = []

      fileprivate init(base: RequestBody.AsyncIterator, limit: Int) {
        self.base = base
        self.limit = limit
      }

      public mutating func next() async throws -> [UInt8]? {
        var searched = 0
        while true {
          if let end = buffer.dropFirst(searched).firstIndex(of: 10) {
            let line = buffer[..<end]
            buffer = buffer[(end + 1)...]
            return [UInt8](line.last == 13 ? line.dropLast() : line)
          }
          searched = buffer.count
          guard searched <= limit else {
            throw APIError.tooLarge("A line of the request's body is longer than \(limit) bytes.")
          }
          guard let piece = try await base.next() else {
            defer { buffer = [] }
            return buffer.isEmpty ? nil : [UInt8](buffer)
          }
          // In place: a line of many pieces is not copied with each of them.
          if buffer.isEmpty { buffer = piece[...] } else { buffer += piece }
        }
      }
    }

    public func makeAsyncIterator() -> AsyncIterator {
      AsyncIterator(base: body.makeAsyncIterator(), limit: limit)
    }
  }
}
