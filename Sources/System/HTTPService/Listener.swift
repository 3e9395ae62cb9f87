import CLinux
import Glibc
import Linux
import Sockets

/// A listening socket. It closes when the last reference goes.
final class Listener: Sendable {
  private let descriptor: Int32

  private init(_ family: Int32, _ name: String) throws(ListenError) {
    descriptor = socket(
      family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    if descriptor < 0 { throw .refused(address: name, reason: "\(SystemError("socket", name))") }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The path has been looked at by ``UnixListener/prepare(_:)``.
  convenience init(path: String) throws(ListenError) {
    try self.init(AF_UNIX, path)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    try listen(at: &address, path)
  }

  /// - Parameter host: an address as digits.
  convenience init(host: String, port: UInt16, isForeseen: Bool, name: String) throws(ListenError) {
    if host.contains(":") {
      var address = sockaddr_in6()
      guard inet_pton(AF_INET6, host, &address.sin6_addr) == 1 else { throw .badAddress(name) }
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      try self.init(AF_INET6, name)
      try reuseAddress(name)
      try listen(at: &address, name)
    } else {
      var address = sockaddr_in()
      guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { throw .badAddress(name) }
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      try self.init(AF_INET, name)
      try reuseAddress(name)
      if isForeseen { try set(Int32(IPPROTO_IP), IP_FREEBIND, name) }
      try listen(at: &address, name)
    }
  }

  /// Else a restart has to wait for the connections of the last run to be forgotten.
  private func reuseAddress(_ name: String) throws(ListenError) { try set(SOL_SOCKET, SO_REUSEADDR, name) }

  private func set(_ level: Int32, _ option: Int32, _ name: String) throws(ListenError) {
    var yes: Int32 = 1
    if setsockopt(descriptor, level, option, &yes, 4) != 0 {
      throw .refused(address: name, reason: "\(SystemError("setsockopt", name))")
    }
  }

  private func listen<Address>(at address: inout Address, _ name: String) throws(ListenError) {
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
      }
    }
    if code != 0 { throw .refused(address: name, reason: "\(SystemError("bind", name))") }
    if Glibc.listen(descriptor, SOMAXCONN) != 0 {
      throw .refused(address: name, reason: "\(SystemError("listen", name))")
    }
  }

  /// The port that was chosen, where port 0 was asked for; nil for a Unix socket.
  var port: UInt16? {
    var storage = sockaddr_storage()
    return withUnsafeMutableBytes(of: &storage) { bytes in
      var size = socklen_t(bytes.count)
      guard getsockname(descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!, &size) == 0 else {
        return nil
      }
      switch Int32(bytes.load(as: sockaddr.self).sa_family) {
      case AF_INET: return UInt16(bigEndian: bytes.load(as: sockaddr_in.self).sin_port)
      case AF_INET6: return UInt16(bigEndian: bytes.load(as: sockaddr_in6.self).sin6_port)
      default: return nil
      }
    }
  }

  enum Accepted {
    case connection(ConnectionSocket)
    /// For want of descriptors or memory: it waits in the kernel's queue, and may be taken later.
    case notNow(SystemError)
  }

  /// The next connection.
  /// - Throws: `SystemError` where none will ever come, as after ``stop()``.
  func accept() async throws -> Accepted {
    while true {
      let connection = cairn_accept(descriptor)
      if connection >= 0 {
        // An answer is sent at once. On a Unix socket there is no such option, and no such delay.
        var yes: Int32 = 1
        setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, 4)
        return .connection(ConnectionSocket(connection))
      }
      let error = SystemError("accept4", "a listening socket")
      switch error.code {
      case EAGAIN:
        if case .cancelled = await Poller.shared.wait(descriptor, for: Int16(POLLIN), seconds: nil) {
          throw CancellationError()
        }
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .notNow(error)
      case EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP, EFAULT: throw error
      // The connection's own fault, as accept(2) has it.
      default: continue
      }
    }
  }

  /// From now on nobody can connect, and ``accept()`` throws.
  func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}
