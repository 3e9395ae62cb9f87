import FlyingFox
import FoundationEssentials
import Synchronization
import Wire

/// The bytes of a request's body, as they come. To be read once, by one task.
public struct RequestBody: AsyncSequence, Sendable {
  public typealias Element = [UInt8]

  private let sequence: HTTPBodySequence
  private let progress = Progress()

  init(_ sequence: HTTPBodySequence) { self.sequence = sequence }

  fileprivate final class Progress: Sendable {
    let isFinished = Atomic(false)
  }

  /// Whether all of it has been read, so that the connection can carry another request.
  var isFinished: Bool {
    // Short bodies have been read by the server before the handler began.
    if let count = sequence.count, count <= HTTPService.pieceSize { return true }
    return progress.isFinished.load(ordering: .acquiring)
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate var base: HTTPBodySequence.Iterator
    fileprivate let progress: Progress

    public mutating func next() async throws -> [UInt8]? {
      do {
        if let data = try await base.next() { return [UInt8](data) }
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        // Nobody is there any more to read this; it is for the log.
        throw APIError.invalid("The request's body is cut off or malformed: \(error)")
      }
      progress.isFinished.store(true, ordering: .releasing)
      return nil
    }
  }

  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(base: sequence.makeAsyncIterator(), progress: progress)
  }

  /// The whole body. More than `limit` bytes are refused with 413.
  public func collect(limit: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    if let count = sequence.count {
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
          buffer = buffer.isEmpty ? piece[...] : buffer + piece
        }
      }
    }

    public func makeAsyncIterator() -> AsyncIterator {
      AsyncIterator(base: body.makeAsyncIterator(), limit: limit)
    }
  }
}
