import Glibc
import Linux

/// A server that answers each connection with the same bytes, whatever was asked.
final class RawServer: Sendable {
  let path: String
  private let descriptor: Int32
  private let ended = Monitor(false)

  init(answer: [UInt8], thenHang: Bool, path: String? = nil) throws {
    let path = path ?? "/tmp/cairn-service.\(getpid()).\(UInt32.random(in: 0 ... .max)).raw"
    self.path = path
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    if code != 0 || listen(descriptor, 8) != 0 { throw SystemError("bind", path) }
    let (listener, ended) = (descriptor, ended)
    _ = WorkerThread(name: "raw-server") {
      while true {
        let connection = accept(listener, nil, nil)
        if connection < 0 { return }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        _ = recv(connection, &buffer, buffer.count, 0)
        _ = send(connection, answer, answer.count, Int32(MSG_NOSIGNAL))
        if thenHang {
          while recv(connection, &buffer, buffer.count, 0) > 0 {}
          ended.withLock { $0 = true }
          ended.wakeAll()
        }
        close(connection)
      }
    }
  }

  /// Whether a client closed a connection that hung.
  func sawEnd(withinSeconds seconds: Double) -> Bool {
    ended.wait(seconds: seconds) { $0 ? true : nil } ?? false
  }

  /// Leaves the file, with nobody listening on it.
  func stopListening() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  func stop() {
    stopListening()
    unlink(path)
  }
}
