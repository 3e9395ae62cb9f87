import FlyingFox
import FlyingSocks
import FoundationEssentials
import Logging
import Wire

/// Between FlyingFox's requests and responses and ours.
struct Adapter: HTTPHandler {
  let router: Router
  let logger: Logger
  let inProgress: RequestsInProgress

  func handleRequest(_ incoming: HTTPRequest) async -> HTTPResponse {
    inProgress.begin()
    defer { inProgress.end() }
    var body: RequestBody?
    var reply: Reply
    do {
      let request = try Request(incoming)
      body = request.body
      reply = try await router.reply(to: request)
    } catch let error as APIError {
      reply = .error(error)
    } catch is CancellationError {
      reply = .error(APIError(status: 503, code: "stopping", message: "The daemon is stopping; try again."))
    } catch {
      logger.error("\(incoming.method.rawValue) \(incoming.target.rawValue): \(error)")
      reply = .error(
        APIError(
          status: 500, code: "internal", message: "The daemon met a fault that it didn't foresee: \(error)",
          subject: incoming.target.rawValue))
    }
    let isBodyFinished = (body ?? RequestBody(incoming.bodySequence)).isFinished
    return response(reply, withoutBody: incoming.method == .HEAD, thenClose: !isBodyFinished)
  }

  private func response(_ reply: Reply, withoutBody: Bool, thenClose: Bool) -> HTTPResponse {
    var headers = HTTPHeaders()
    for (name, value) in reply.headers { headers.addValue(value, for: HTTPHeader(name)) }
    let status = HTTPStatusCode(reply.status, phrase: Self.phrases[reply.status] ?? "Status")
    switch reply.content {
    case .bytes(let bytes):
      if withoutBody || reply.status == 204 {
        if reply.status != 204 { headers[.contentLength] = "\(bytes.count)" }
        return HTTPResponse(statusCode: status, headers: headers, body: body([], thenClose: thenClose))
      }
      return HTTPResponse(statusCode: status, headers: headers, body: body(bytes, thenClose: thenClose))
    case .stream(let makeIterator):
      if withoutBody {
        return HTTPResponse(statusCode: status, headers: headers, body: body([], thenClose: thenClose))
      }
      return HTTPResponse(
        statusCode: status, headers: headers,
        body: HTTPBodySequence(from: Pieces(makeIterator: makeIterator, thenClose: thenClose)))
    }
  }

  private func body(_ bytes: [UInt8], thenClose: Bool) -> HTTPBodySequence {
    guard thenClose else { return HTTPBodySequence(data: Data(bytes)) }
    let pieces = Pieces(makeIterator: { OnePiece(bytes: bytes) }, thenClose: true)
    return HTTPBodySequence(from: pieces, count: bytes.count)
  }

  /// The reason phrases of what Cairn answers.
  private static let phrases = [
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content", 302: "Found",
    304: "Not Modified", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 410: "Gone", 413: "Content Too Large", 416: "Range Not Satisfiable",
    422: "Unprocessable Content",
    429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
    507: "Insufficient Storage",
  ]
}

private struct OnePiece: AsyncIteratorProtocol {
  var bytes: [UInt8]?

  init(bytes: [UInt8]) { self.bytes = bytes.isEmpty ? nil : bytes }

  mutating func next() async throws -> [UInt8]? {
    defer { bytes = nil }
    return bytes
  }
}

/// Pieces of a body, in the form that FlyingFox takes.
private struct Pieces: AsyncBufferedSequence {
  typealias Element = UInt8

  let makeIterator: @Sendable () -> any AsyncIteratorProtocol<[UInt8], any Error>
  /// Whether the connection is to end after them, because something unread of the request is left on
  /// it that would be taken for the next one. Throwing is the one way to make FlyingFox close.
  let thenClose: Bool

  struct Closing: Error {}

  struct AsyncIterator: AsyncBufferedIteratorProtocol {
    var base: any AsyncIteratorProtocol<[UInt8], any Error>
    let thenClose: Bool
    private var left: ArraySlice<UInt8> = []

    init(base: any AsyncIteratorProtocol<[UInt8], any Error>, thenClose: Bool) {
      self.base = base
      self.thenClose = thenClose
    }

    mutating func next() async throws -> UInt8? {
      try await nextBuffer(suggested: 1)?.first
    }

    mutating func nextBuffer(suggested count: Int) async throws -> ArraySlice<UInt8>? {
      while left.isEmpty {
        guard let piece = try await base.next(isolation: nil) else {
          if thenClose { throw Closing() }
          return nil
        }
        left = piece[...]
      }
      defer { left = left.dropFirst(Swift.max(count, HTTPService.pieceSize)) }
      return left.prefix(Swift.max(count, HTTPService.pieceSize))
    }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: makeIterator(), thenClose: thenClose) }
}
