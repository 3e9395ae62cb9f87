import Linux
import Logging
import Synchronization
import Wire

/// What is going on in a service.
final class Activity: Sendable {
  private let requestCount = Atomic(0)
  private let connectionCount = Atomic(0)
  private let upgradedCount = Atomic(0)
  private let stopping = Atomic(false)

  /// Requests whose handlers are at work or whose answers are being sent, but for streams, which
  /// have no end of their own.
  var requests: Int { requestCount.load(ordering: .acquiring) }
  func beginRequest() { requestCount.add(1, ordering: .acquiringAndReleasing) }
  func endRequest() { requestCount.subtract(1, ordering: .acquiringAndReleasing) }

  /// False: there are `limit` of them already.
  func beginConnection(limit: Int) -> Bool {
    if connectionCount.add(1, ordering: .relaxed).newValue <= limit { return true }
    endConnection()
    return false
  }
  func endConnection() { connectionCount.subtract(1, ordering: .relaxed) }

  /// False: there are `limit` of them already.
  func beginUpgraded(limit: Int) -> Bool {
    if upgradedCount.add(1, ordering: .relaxed).newValue <= limit { return true }
    endUpgraded()
    return false
  }
  func endUpgraded() { upgradedCount.subtract(1, ordering: .relaxed) }

  var isStopping: Bool { stopping.load(ordering: .acquiring) }
  func stop() { stopping.store(true, ordering: .releasing) }
}

/// Serves one connection: reads its requests, one after the other, and sends what the router answers.
struct Connection: Sendable {
  let socket: ConnectionSocket
  let router: Router
  let logger: Logger
  let limits: Limits
  let activity: Activity
  let peer: Peer?
  /// What every request is answered with instead; nil: the peer may be here.
  let refusal: APIError?

  /// Returns when the connection is over.
  func run() async {
    do {
      try await serve()
    } catch {
      // The client is gone or takes nothing, or the service is stopping: nobody is left to be told.
      logger.debug("A connection was cut: \(error)")
    }
  }

  private func serve() async throws {
    let reader = RequestReader(socket, limits)
    while true {
      do {
        guard let head = try await reader.head() else { return }
        guard try await answer(head, reader) else { break }
      } catch let error as APIError {
        // What came can't be told from a next request.
        var writer = ReplyWriter(socket: socket, limits: limits)
        writer.keepsAlive = false
        try await writer.send(.error(error))
        break
      }
    }
    await socket.closeGently(limits)
  }

  /// - Returns: whether the connection can carry another request.
  private func answer(_ head: RequestHead, _ reader: RequestReader) async throws -> Bool {
    if let refusal { throw refusal }
    activity.beginRequest()
    var isCounted = true
    defer { if isCounted { activity.endRequest() } }
    let reply = await reply(to: head, reader)
    switch reply.content {
    case .bytes: break
    case .stream, .sized, .upgrade:
      activity.endRequest()
      isCounted = false
    }
    if case .upgrade(let serve) = reply.content { return try await upgrade(reply, reader, serve) }
    var writer = ReplyWriter(socket: socket, limits: limits)
    let isBodyFinished = await reader.isBodyFinished
    writer.keepsAlive = head.keepsAlive && isBodyFinished && !activity.isStopping
    writer.isHead = head.method == "HEAD"
    writer.takesChunks = head.minorVersion == 1
    do {
      try await writer.send(reply)
    } catch let error as APIError {
      // The answer has begun: the client learns from its being cut that something is missing.
      throw Cut(reason: "\(error)")
    }
    return writer.keepsAlive
  }

  private func upgrade(
    _ reply: Reply, _ reader: RequestReader, _ serve: @Sendable (UpgradedConnection) async -> Void
  ) async throws -> Bool {
    guard activity.beginUpgraded(limit: limits.upgraded) else { throw Self.tooManyUpgraded }
    defer { activity.endUpgraded() }
    try await ReplyWriter(socket: socket, limits: limits).send(reply)
    await serve(UpgradedConnection(socket: socket, reader: reader, stallSeconds: limits.stallSeconds))
    return false
  }

  private static let tooManyUpgraded = APIError(
    status: 503, code: "busy", message: "The daemon has as many WebSockets as it takes; close some tabs.")

  private struct Cut: Error {
    let reason: String
  }

  private func reply(to head: RequestHead, _ reader: RequestReader) async -> Reply {
    do {
      let body = RequestBody(reader, request: await reader.number, head.framing)
      return try await router.reply(to: try Request(head, body: body, peer: peer))
    } catch let error as APIError {
      return .error(error)
    } catch is CancellationError {
      return .error(APIError(status: 503, code: "stopping", message: "The daemon is stopping; try again."))
    } catch {
      logger.error("\(head.method) \(head.target): \(error)")
      return .error(
        APIError(
          status: 500, code: "internal", message: "The daemon met a fault that it didn't foresee: \(error)",
          subject: head.target))
    }
  }
}
