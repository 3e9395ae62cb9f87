import Glibc
import Linux
import Sockets

/// A connection to a replica or to the proxy's runtime socket, for short conversations.
final class ClientSocket: Sendable {
  enum Address: Hashable, Sendable {
    case unix(path: String)
    /// An IPv4 address in digits.
    case tcp(host: String, port: UInt16)
  }

  struct TimedOut: Error, CustomStringConvertible {
    let description = "no answer in time"
  }

  private let descriptor: Int32
  private let name: String
  private let deadline: ContinuousClock.Instant

  /// Connects.
  /// - Parameter seconds: for the whole conversation.
  /// - Throws: `SystemError`, ``TimedOut``.
  init(_ address: Address, seconds: Double) async throws {
    deadline = .now + .seconds(seconds)
    let family: Int32
    switch address {
    case .unix(let path): (family, name) = (AF_UNIX, path)
    case .tcp(let host, let port): (family, name) = (AF_INET, "\(host):\(port)")
    }
    descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    if descriptor < 0 { throw SystemError("socket", name) }
    if try connect(address) == 0 { return }
    guard errno == EINPROGRESS || errno == EINTR else { throw SystemError("connect", name) }
    try await wait(for: Int16(POLLOUT))
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    if getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) != 0 { throw SystemError("getsockopt", name) }
    if code != 0 { throw SystemError("connect", name, code) }
    var peer = sockaddr_storage()
    size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = withUnsafeMutablePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &size) }
    }
    // No error is left where something else has taken it; then there is no peer.
    if status != 0 { throw SystemError("connect", name) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  private func connect(_ address: Address) throws -> Int32 {
    switch address {
    case .unix(let path):
      var socketAddress = sockaddr_un()
      socketAddress.sun_family = sa_family_t(AF_UNIX)
      let room = MemoryLayout.size(ofValue: socketAddress.sun_path)
      guard path.utf8.count < room else { throw SystemError("connect", path, ENAMETOOLONG) }
      withUnsafeMutableBytes(of: &socketAddress.sun_path) { $0.copyBytes(from: path.utf8) }
      return withSocketAddress(&socketAddress) { Glibc.connect(descriptor, $0, $1) }
    case .tcp(let host, let port):
      var socketAddress = sockaddr_in()
      socketAddress.sin_family = sa_family_t(AF_INET)
      socketAddress.sin_port = port.bigEndian
      guard inet_pton(AF_INET, host, &socketAddress.sin_addr) == 1 else { throw SystemError("connect", name, EINVAL) }
      return withSocketAddress(&socketAddress) { Glibc.connect(descriptor, $0, $1) }
    }
  }

  func send(_ text: String) async throws {
    let bytes = [UInt8](text.utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        done += count
      } else if errno == EAGAIN {
        try await wait(for: Int16(POLLOUT))
      } else if errno != EINTR {
        throw SystemError("send", name)
      }
    }
  }

  /// Tells the other side that nothing more comes.
  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// What comes until the other side closes, or until there are so many bytes or somewhat more. What is left unread
  /// resets the connection when it closes.
  func receive(atLeast least: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count < least {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count == 0 { break }
      if count > 0 {
        bytes += buffer[..<count]
      } else if errno == EAGAIN {
        try await wait(for: Int16(POLLIN))
      } else if errno != EINTR {
        throw SystemError("recv", name)
      }
    }
    return bytes
  }

  private func wait(for events: Int16) async throws {
    let seconds = (deadline - .now) / .seconds(1)
    guard seconds > 0 else { throw TimedOut() }
    switch await Poller.shared.wait(descriptor, for: events, seconds: seconds) {
    case .ready: return
    case .timedOut: throw TimedOut()
    case .cancelled: throw CancellationError()
    }
  }
}

/// Calls `body` with an address as the socket calls take it.
func withSocketAddress<Address, Result>(
  _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
  withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
  }
}
