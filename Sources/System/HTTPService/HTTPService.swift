import FlyingFox
import FlyingSocks
import FoundationEssentials
import Glibc
import Linux
import Logging
import Synchronization
import Wire

/// An HTTP server at one address.
///
/// FlyingFox carries it, and is visible nowhere else. It doesn't show a connection's descriptor, so
/// nobody can be asked for by peer credentials: the mode of the Unix socket (0660, root and one
/// group) decides who gets in.
public actor HTTPService {
  /// Where to listen.
  public enum Address: Sendable, CustomStringConvertible {
    /// `group` may use the socket too, where the host has such a group.
    case unix(path: String, group: String?)
    /// An address as digits, not a name.
    case tcp(host: String, port: UInt16)

    public var description: String {
      switch self {
      case .unix(let path, _): path
      case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
      }
    }
  }

  /// Bytes of a body that are handed over at a time, at most.
  static let pieceSize = 64 << 10

  private let address: Address
  private let router: Router
  private let logger: Logger
  private var server: HTTPServer?
  private var running: Task<Void, any Error>?
  private var supervisor: Task<Void, any Error>?
  private var isStopping = false
  private let requestsInProgress = RequestsInProgress()

  public init(address: Address, router: Router, logger: Logger) {
    self.address = address
    self.router = router
    self.logger = logger
  }

  /// Listens and returns once connections are taken.
  /// - Throws: ``ListenError`` where the address can't be had.
  public func start() async throws {
    try await listen()
    supervisor = Task { try await supervise() }
  }

  private func listen() async throws {
    switch address {
    case .unix(let path, let group):
      let umask = try UnixListener.prepare(path)
      // Nobody else gets in between bind(2) and the socket's final mode.
      defer { umask.restore() }
      try await listen(on: .unix(path: path), name: path)
      try UnixListener.open(path, to: group)
    case .tcp(let host, let port):
      let name = "\(self.address)"
      if host.contains(":") {
        guard let address = try? sockaddr_in6.inet6(ip6: host, port: port) else { throw ListenError.badAddress(name) }
        try await listen(on: address, name: name)
      } else {
        guard let address = try? sockaddr_in.inet(ip4: host, port: port) else { throw ListenError.badAddress(name) }
        try await listen(on: address, name: name)
      }
    }
  }

  private func listen(on address: some SocketAddress, name: String) async throws {
    let configuration = HTTPServer.Configuration(
      address: address,
      // Of the handler: a large upload or a sync takes what it takes.
      timeout: 86_400,
      sharedRequestBufferSize: Self.pieceSize, sharedRequestReplaySize: Self.pieceSize,
      logger: .disabled)
    let server = HTTPServer(
      config: configuration, handler: Adapter(router: router, logger: logger, inProgress: requestsInProgress))
    // run() either listens or throws; whichever comes first says how it went.
    let (outcomes, outcome) = AsyncStream.makeStream(of: (any Error)?.self)
    running = Task {
      do {
        try await server.run()
      } catch {
        outcome.yield(error)
        throw error
      }
    }
    let listening = Task {
      do {
        try await server.waitUntilListening(timeout: 10)
        outcome.yield(nil)
      } catch {
        outcome.yield(error)
      }
    }
    defer { listening.cancel() }
    for await error in outcomes {
      if let error { throw ListenError.refused(address: name, reason: "\(error)") }
      break
    }
    self.server = server
  }

  /// The port that was chosen, where port 0 was asked for.
  public var port: UInt16? {
    get async {
      switch await server?.listeningAddress {
      case .ip4(_, let port), .ip6(_, let port): port
      default: nil
      }
    }
  }

  /// Waits until the service is stopped. It throws where it can't go on, because its address is lost
  /// to somebody else.
  public func wait() async throws {
    try await supervisor?.value
  }

  /// FlyingFox gives up when accept(2) fails, as it does for want of descriptors: that must not be
  /// the end of the service.
  private func supervise() async throws {
    while true {
      do {
        try await running?.value
      } catch {
        if isStopping { return }
        logger.error("The server at \(address) ended and is started again: \(error)")
      }
      while true {
        do {
          try await Task.sleep(for: .seconds(1))
          try await listen()
          break
        } catch {
          if isStopping { return }
          logger.error("\(error)")
          // Starting it again would take the socket from another daemon.
          if case ListenError.inUse = error { throw error }
        }
      }
    }
  }

  /// Removes the socket, gives handlers that are at work `graceSeconds` to end, cancels those that
  /// are not done then, and cuts the streams that are still being sent.
  public func stop(graceSeconds: Double = 5) async {
    guard let server else { return }
    isStopping = true
    self.server = nil
    supervisor?.cancel()
    if case .unix(let path, _) = address { UnixListener.remove(path) }
    let deadline = ContinuousClock.now + .seconds(graceSeconds)
    while requestsInProgress.count > 0 && ContinuousClock.now < deadline {
      try? await Task.sleep(for: .milliseconds(10))
    }
    // The time for answers on their way. FlyingFox always waits for all of it.
    await server.stop(timeout: 0.1)
  }
}

/// Counts the handlers that are at work.
final class RequestsInProgress: Sendable {
  private let number = Atomic(0)

  var count: Int { number.load(ordering: .relaxed) }
  func begin() { number.add(1, ordering: .relaxed) }
  func end() { number.subtract(1, ordering: .relaxed) }
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
