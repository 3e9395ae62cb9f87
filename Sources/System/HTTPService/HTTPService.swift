import Glibc
import Linux
import Logging
import Sockets
import Wire

/// An HTTP/1.1 server at one address.
///
/// Every byte that comes is hostile until parsed: heads are bounded in size and time
/// (``RequestHeadParser``, ``Limits``), and so is the number of connections. On a Unix socket, the
/// peer's credentials decide who gets in, besides the socket's mode (0660, root and one group).
public actor HTTPService {
  /// Where to listen.
  public enum Address: Sendable, CustomStringConvertible {
    /// `group` may use the socket too, where the host has such a group.
    case unix(path: String, group: String?)
    /// An address as digits, not a name. `isForeseen`: it may be one that the host will have later, such as a bridge's
    /// that comes with the first container.
    case tcp(host: String, port: UInt16, isForeseen: Bool = false)

    public var description: String {
      switch self {
      case .unix(let path, _): path
      case .tcp(let host, let port, _): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
      }
    }
  }

  /// Bytes that are read from a connection, and of a body handed over, at a time, at most.
  static let pieceSize = 64 << 10

  private let address: Address
  private let router: Router
  private let logger: Logger
  private let limits: Limits
  private let activity = Activity()
  private var listener: Listener?
  private var serving: Task<Void, any Error>?

  public init(address: Address, router: Router, logger: Logger) {
    self.init(address: address, router: router, logger: logger, limits: Limits())
  }

  init(address: Address, router: Router, logger: Logger, limits: Limits) {
    self.address = address
    self.router = router
    self.logger = logger
    self.limits = limits
  }

  /// Listens and returns once connections are taken.
  /// - Throws: ``ListenError`` where the address can't be had.
  public func start() async throws {
    let listener = try listen()
    self.listener = listener
    let accepting = Accepting(
      listener: listener, address: address, router: router, logger: logger, limits: limits, activity: activity)
    serving = Task { try await accepting.run() }
  }

  private func listen() throws(ListenError) -> Listener {
    switch address {
    case .unix(let path, let group):
      let umask = try UnixListener.prepare(path)
      // Nobody else gets in between bind(2) and the socket's final mode.
      defer { umask.restore() }
      let listener = try Listener(path: path)
      try UnixListener.open(path, to: group)
      return listener
    case .tcp(let host, let port, let isForeseen):
      return try Listener(host: host, port: port, isForeseen: isForeseen, name: "\(address)")
    }
  }

  /// The port that was chosen, where port 0 was asked for.
  public var port: UInt16? { listener?.port }

  /// Waits until the service is stopped. It throws where it can't go on.
  public func wait() async throws {
    try await serving?.value
  }

  /// Removes the socket, gives handlers that are at work `graceSeconds` to end, cancels those that
  /// are not done then, and cuts the streams that are still being sent.
  public func stop(graceSeconds: Double = 5) async {
    guard let listener, let serving else { return }
    self.listener = nil
    activity.stop()
    listener.stop()
    if case .unix(let path, _) = address { UnixListener.remove(path) }
    let deadline = ContinuousClock.now + .seconds(graceSeconds)
    while activity.requests > 0 && ContinuousClock.now < deadline {
      await Poller.shared.sleep(seconds: 0.01)
    }
    serving.cancel()
    // What it may throw, wait() has reported.
    _ = await serving.result
  }
}

/// Takes connections and has each served by a task of its own.
private struct Accepting: Sendable {
  let listener: Listener
  let address: HTTPService.Address
  let router: Router
  let logger: Logger
  let limits: Limits
  let activity: Activity

  /// Returns when the service is stopped and the last connection is over.
  func run() async throws {
    let owner = geteuid()
    let group: UInt32? = if case .unix(_, let name?) = address { UnixListener.identifier(of: name) } else { nil }
    try await withThrowingDiscardingTaskGroup { tasks in
      var isShort = false
      while !activity.isStopping {
        do {
          switch try await listener.accept() {
          case .connection(let socket):
            isShort = false
            guard activity.beginConnection(limit: limits.connections) else {
              socket.sendAtOnce(ReplyWriter.bytes(Self.tooMany))
              // Whoever goes on connecting must not keep a thread to himself.
              await Task.yield()
              continue
            }
            let connection = connection(socket, owner: owner, group: group)
            tasks.addTask {
              await connection.run()
              activity.endConnection()
            }
          case .notNow(let error):
            if !isShort { logger.error("\(address) takes no connections for now: \(error)") }
            isShort = true
            await Poller.shared.sleep(seconds: 0.1)
          }
        } catch {
          if activity.isStopping { break }
          throw error
        }
      }
    }
  }

  private func connection(_ socket: ConnectionSocket, owner: UInt32, group: UInt32?) -> Connection {
    var peer: Peer?
    var refusal: APIError?
    if case .unix(_, let name) = address {
      peer = Peer(of: socket.descriptor)
      if !(peer?.isTrusted(owner: owner, group: group) ?? false) { refusal = Self.forbidden(name) }
    }
    return Connection(
      socket: socket, router: router, logger: logger, limits: limits, activity: activity, peer: peer, refusal: refusal)
  }

  private static let tooMany = APIError(
    status: 503, code: "busy", message: "The daemon has as many connections as it takes; try again in a moment.")

  private static func forbidden(_ group: String?) -> APIError {
    APIError(
      status: 403, code: "forbidden",
      message: "This socket is for root"
        + (group.map { " and members of the group \($0): use sudo, or join it and log in again." } ?? "."))
  }
}

/// An address that can't be listened on.
public enum ListenError: Error, CustomStringConvertible, Sendable {
  /// Another daemon answers there.
  case inUse(path: String)
  case badPath(path: String, reason: String)
  case badAddress(String)
  case refused(address: String, reason: String)

  public var description: String {
    switch self {
    case .inUse(let path):
      "Another daemon answers on \(path). Stop it, or give this one a run_dir of its own."
    case .badPath(let path, let reason): "Can't listen on \(path): \(reason)"
    case .badAddress(let address): "\(address) is not an address to listen on: give digits, such as 127.0.0.1:7070."
    case .refused(let address, let reason): "Can't listen on \(address): \(reason)"
    }
  }
}
