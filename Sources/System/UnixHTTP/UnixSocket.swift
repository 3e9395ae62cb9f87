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

  /// O_PATH, which Glibc's module does not show; the value is the kernel's.
  private static let pathOnly: Int32 = 0o10000000

  private let descriptor: Int32
  private let path: String
  /// The longest wait for one step; nil: for ever.
  private let idleSeconds: Double?

  /// Connects, or throws ``HTTPClientError/unreachable(socket:reason:)``.
  /// - Parameter followsLinks: false where somebody else may write to the socket's directory, such as a container: a
  ///   link there could lead to any socket of this host, which would take us for root.
  init(path: String, idleSeconds: Double?, followsLinks: Bool = true) async throws {
    self.path = path
    self.idleSeconds = idleSeconds
    // Of the inode itself, whatever its name leads to by the time that we connect.
    let found = followsLinks ? -1 : open(path, Self.pathOnly | O_NOFOLLOW | O_CLOEXEC)
    defer { if found >= 0 { close(found) } }
    if !followsLinks {
      var status = stat()
      guard found >= 0, fstat(found, &status) == 0 else {
        throw HTTPClientError.unreachable(socket: path, reason: Self.reason(errno))
      }
      guard status.st_mode & S_IFMT == S_IFSOCK else {
        throw HTTPClientError.unreachable(socket: path, reason: "it is no socket.")
      }
    }
    let reached = followsLinks ? path : "/proc/self/fd/\(found)"
    guard reached.utf8.count <= Self.maximumPathLength, !reached.utf8.contains(0) else {
      throw HTTPClientError.unreachable(
        socket: path, reason: "a socket's path has at most \(Self.maximumPathLength) bytes. Choose a shorter run_dir.")
    }
    descriptor = socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    if descriptor < 0 { throw SystemError("socket", path) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: reached.utf8) }
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
  /// - Parameter seconds: the longest wait, if it is another than usual.
  func receive(_ most: Int, seconds: Double? = nil) async throws -> [UInt8] {
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
      case EAGAIN: try await wait(for: Int16(POLLIN), seconds: seconds ?? idleSeconds)
      default: throw Failure.system(SystemError("recv", path, code))
      }
    }
  }

  /// Sends all of `bytes`.
  /// - Parameter mayBeAnswered: whether the other side may speak meanwhile; else that is thrown.
  func send(_ bytes: [UInt8], mayBeAnswered: Bool = false) async throws {
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
      case EAGAIN where mayBeAnswered: try await wait(for: Int16(POLLOUT), seconds: idleSeconds)
      case EAGAIN:
        try await wait(for: Int16(POLLIN | POLLOUT), seconds: idleSeconds)
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

  private func wait(for events: Int16, seconds: Double?) async throws {
    switch await Poller.shared.wait(descriptor, for: events, seconds: seconds) {
    case .ready: return
    case .timedOut: throw Failure.timedOut
    case .cancelled: throw CancellationError()
    }
  }

  /// Tells the other side that nothing more comes; it may go on sending.
  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Ends the connection now, whoever still holds it.
  func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}
