/// What kept a request from being answered.
public enum HTTPClientError: Error, CustomStringConvertible, Sendable {
  /// No daemon can be reached at this socket: it is missing, nobody listens on it, or it may not be
  /// opened. The CLI exits with 3 on it.
  case unreachable(socket: String, reason: String)
  /// Nothing came or went for this long.
  case timedOut(request: String, seconds: Double)
  /// The connection ended before the answer did.
  case disconnected(request: String, reason: String)
  /// The answer is not HTTP/1.1, or not the JSON that was expected.
  case malformed(request: String, reason: String)
  /// The answer is larger than the caller allows.
  case tooLarge(request: String, limit: Int)

  public var description: String {
    switch self {
    case .unreachable(let socket, let reason):
      "Can't reach the daemon at \(socket): \(reason)"
    case .timedOut(let request, let seconds):
      "\(request): no progress for \(Int(seconds)) s. Look at the daemon's log."
    case .disconnected(let request, let reason):
      "\(request): the connection ended before the answer did (\(reason)). Look at the daemon's log."
    case .malformed(let request, let reason):
      "\(request): what answers is not this version of Cairn: \(reason)"
    case .tooLarge(let request, let limit):
      "\(request): the answer is larger than \(limit) bytes"
    }
  }

  /// Whether there is no daemon to talk to.
  public var isUnreachable: Bool {
    if case .unreachable = self { true } else { false }
  }
}
