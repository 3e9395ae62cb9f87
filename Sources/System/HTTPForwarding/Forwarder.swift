public import HTTPService
import UnixHTTP
import Wire

/// Passes requests on to a server behind a Unix socket, and its answers back, unbuffered both ways. A request that
/// asks for a WebSocket becomes a tunnel of bytes when the server agrees.
public struct Forwarder: Sendable {
  /// The longest wait without one byte, of an answer or within it.
  private static let idleSeconds = 300.0

  private let client: UnixHTTPClient
  private let fields: ForwardedFields

  /// - Parameter socket: the server's. What lies there is not trusted: a link is not followed.
  public init(socket: String, fields: ForwardedFields) {
    client = UnixHTTPClient(untrustedSocketPath: socket)
    self.fields = fields
  }

  /// - Parameter target: path and query, percent-encoded, as the server is to see them.
  /// - Throws: ``APIError`` with 502 where the server can't be reached or makes no sense, 504 where it is silent.
  public func reply(to request: Request, target: String) async throws -> Reply {
    let isWebSocket = request.upgradesTo("websocket")
    let forwarded = ForwardedRequest(
      method: request.method, target: target, headers: fields.request(request.fields), framing: request.framing,
      // Nothing else, such as h2c: in that, requests would pass by us unseen.
      upgrade: isWebSocket ? "websocket" : nil)
    do {
      switch try await client.forward(forwarded, body: request.body, idleSeconds: Self.idleSeconds) {
      case .response(let response): return reply(response)
      case .upgraded(let head, let server):
        guard head["upgrade"]?.lowercased() == "websocket" else { throw Self.senseless("it changes to no WebSocket") }
        let tunnel = Tunnel(server: server)
        return .upgrade(to: "websocket", headers: fields.response(head.fields)) { await tunnel.run($0) }
      }
    } catch let error as HTTPClientError {
      throw Self.apiError(error)
    }
  }

  private func reply(_ response: Response) -> Reply {
    .forwarded(
      status: response.status, headers: fields.response(response.head.fields),
      length: [204, 304].contains(response.status) ? 0 : response.head.contentLength, response.body)
  }

  private static func apiError(_ error: HTTPClientError) -> APIError {
    switch error {
    case .unreachable(_, let reason):
      APIError(status: 502, code: "server_unreachable", message: "The server can't be reached: \(reason)")
    case .timedOut(_, let seconds):
      APIError(status: 504, code: "timeout", message: "The server has said nothing for \(Int(seconds)) s.")
    case .disconnected(_, let reason): senseless(reason)
    case .malformed(_, let reason): senseless(reason)
    case .tooLarge(_, let limit): senseless("more than \(limit) bytes")
    }
  }

  private static func senseless(_ reason: String) -> APIError {
    APIError(status: 502, code: "bad_answer", message: "The server gave no answer that makes sense: \(reason).")
  }
}

extension Request {
  fileprivate var framing: ForwardedRequest.Framing {
    guard let count = body.count else { return .chunked }
    return count == 0 ? .none : .length(count)
  }
}
