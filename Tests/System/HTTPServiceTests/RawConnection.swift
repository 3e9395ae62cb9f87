import Glibc
import Linux

/// A client's end of a connection, with blocking calls that each run on a thread of their own, and
/// with which anything at all can be sent.
final class RawConnection: Sendable {
  private let descriptor: Int32

  init(path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    try connect(to: &address)
  }

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    try connect(to: &address)
  }

  deinit { close(descriptor) }

  private func connect<Address>(to address: inout Address) throws {
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
      }
    }
    if code != 0 { throw SystemError("connect", "the service") }
    // For what hangs. Suites that block hold the few threads of the service for 10 s and more.
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  func send(_ text: String) async throws { try await send([UInt8](text.utf8)) }

  /// Stops without an error where the service takes no more.
  func send(_ bytes: [UInt8]) async throws {
    try await onOwnThread { [descriptor] in
      var done = 0
      while done < bytes.count {
        let count = bytes.withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
        }
        if count < 0 && (errno == EPIPE || errno == ECONNRESET) { return }
        if count < 0 { throw SystemError("send", "the service") }
        done += count
      }
    }
  }

  /// Says that nothing more will be sent.
  func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// All that comes until `end`, or until the service closes.
  func receive(until end: String? = nil) async throws -> String {
    try await onOwnThread { [descriptor] in
      var answer = ""
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while !(end.map { answer.contains($0) } ?? false) {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0 && errno == ECONNRESET { break }
        if count < 0 { throw SystemError("recv", "the service") }
        if count == 0 { break }
        answer += String(decoding: buffer[..<count], as: UTF8.self)
      }
      return answer
    }
  }
}

func onOwnThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    _ = WorkerThread(name: "raw-client") { continuation.resume(with: Swift.Result(catching: body)) }
  }
}

/// Sends `text` over a Unix socket and returns all that comes back until the other side closes.
func exchange(_ path: String, _ text: String) async throws -> String {
  let connection = try RawConnection(path: path)
  try await connection.send(text)
  return try await connection.receive()
}

/// Likewise over TCP.
func exchange(port: UInt16, _ text: String) async throws -> String {
  let connection = try RawConnection(port: port)
  try await connection.send(text)
  return try await connection.receive()
}
