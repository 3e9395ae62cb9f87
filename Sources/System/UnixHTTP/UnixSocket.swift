import Glibc
import Linux
import Sockets

/// A connected, non-blocking Unix stream socket. It closes when the last reference goes.
final class UnixSocket: Sendable {
  /// What a step of a connection met, other than bytes.
  enum Failure: Error {
    case timedOut
    case system(SystemError)
    /// The other side has sent something, or has closed, while we were still sending.
    case answeredEarly
  }

  /// Bytes of a socket's path, by the size of `sockaddr_un.sun_path` less the closing NUL.
  static let maximumPathLength = 107

  private let descriptor: Int32
  private let path: String
  /// The longest wait for one step; nil: for ever.
  private let idleSeconds: Double?

  /// Connects, or throws ``HTTPClientError/unreachable(socket:reason:)``.
  init(path: String, idleSeconds: Double?) async throws {
    self.path = path
    self.idleSeconds = idleSeconds
    guard path.utf8.count <= Self.maximumPathLength, !path.utf8.contains(0) else {
      throw HTTPClientError.unreachable(
        socket: path, reason: "a socket's path has at most \(Self.maximumPathLength) bytes. Choose a shorter run_dir.")
    }
    descriptor = socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    if descriptor < 0 { throw SystemError("socket", path) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let deadline = ContinuousClock.now + .seconds(idleSeconds ?? 60)
    while true {
      let code = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      if code == 0 { return }
      switch errno {
      case EINTR: continue
      case EAGAIN where ContinuousClock.now < deadline:
        // The daemon's queue of connections is full; poll(2) can't wait for room in it.
        try await Task.sleep(for: .milliseconds(5))
      case let code: throw HTTPClientError.unreachable(socket: path, reason: Self.reason(code))
      }
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  private static func reason(_ code: Int32) -> String {
    switch code {
    case ENOENT, ENOTDIR: "there is no such socket. Is the daemon running, with this run_dir?"
    case ECONNREFUSED: "nobody listens on it. Start the daemon."
    case EACCES, EPERM: "permission denied. Use it as root or as a member of the group cairn."
    case EAGAIN: "it accepts no connections. The daemon is overloaded or hangs."
    default: String(cString: strerror(code))
    }
  }

  /// The next bytes, at least one of them; none: the other side has closed.
  func receive(_ most: Int) async throws -> [UInt8] {
    while true {
      var code: Int32 = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: most) { buffer, filled in
        let count = recv(descriptor, buffer.baseAddress, most, 0)
        if count < 0 { code = errno }
        filled = max(count, 0)
      }
      switch code {
      case 0: return bytes
      case EINTR: continue
      case EAGAIN: try await wait(for: Int16(POLLIN))
      default: throw Failure.system(SystemError("recv", path, code))
      }
    }
  }

  /// Sends all of `bytes`.
  func send(_ bytes: [UInt8]) async throws {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        done += count
        continue
      }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        try await wait(for: Int16(POLLIN | POLLOUT))
        if hasAnswer { throw Failure.answeredEarly }
      case EPIPE, ECONNRESET: throw Failure.answeredEarly
      case let code: throw Failure.system(SystemError("send", path, code))
      }
    }
  }

  private var hasAnswer: Bool {
    var byte: UInt8 = 0
    return recv(descriptor, &byte, 1, Int32(MSG_PEEK)) >= 0
  }

  private func wait(for events: Int16) async throws {
    switch await Poller.shared.wait(descriptor, for: events, seconds: idleSeconds) {
    case .ready: return
    case .timedOut: throw Failure.timedOut
    case .cancelled: throw CancellationError()
    }
  }

  /// Ends the connection now, whoever still holds it.
  func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}
