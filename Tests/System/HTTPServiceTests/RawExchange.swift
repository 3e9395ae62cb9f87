import Glibc
import Linux

/// Sends bytes over a Unix socket and returns all that comes back until the other side closes.
func exchange(_ path: String, _ text: String) async throws -> String {
  try await onOwnThread { try exchangeBlocking(path, text) }
}

/// Likewise over TCP.
func exchange(port: UInt16, _ text: String) async throws -> String {
  try await onOwnThread { try exchangeBlocking(port: port, text) }
}

private func onOwnThread(_ body: @escaping @Sendable () throws -> String) async throws -> String {
  try await withCheckedThrowingContinuation { continuation in
    _ = WorkerThread(name: "exchange") { continuation.resume(with: Result(catching: body)) }
  }
}

private func exchangeBlocking(_ path: String, _ text: String) throws -> String {
  let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
  let code = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
  if code != 0 { throw SystemError("connect", path) }
  return try exchange(descriptor, text)
}

private func exchangeBlocking(port: UInt16, _ text: String) throws -> String {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
  let code = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  if code != 0 { throw SystemError("connect", "port \(port)") }
  return try exchange(descriptor, text)
}

private func exchange(_ descriptor: Int32, _ text: String) throws -> String {
  var limit = timeval(tv_sec: 10, tv_usec: 0)
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  let bytes = [UInt8](text.utf8)
  if send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) != bytes.count { throw SystemError("send", "test") }
  var answer: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = recv(descriptor, &buffer, buffer.count, 0)
    if count < 0 && errno == ECONNRESET { break }
    if count < 0 { throw SystemError("recv", "test") }
    if count == 0 { break }
    answer += buffer[..<count]
  }
  return String(decoding: answer, as: UTF8.self)
}
