import Glibc
import Linux
import Synchronization

/// A server whose every byte the test decides: it hands each connection to `serve`, on a thread of its own.
final class ScriptedServer: Sendable {
  let path: String
  private let descriptor: Int32

  init(_ serve: @escaping @Sendable (ScriptedConnection) -> Void) throws {
    path = "/tmp/cairn-scripted.\(getpid()).\(UInt32.random(in: 0 ... .max)).sock"
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard code == 0, listen(descriptor, 16) == 0 else { throw SystemError("bind", path) }
    _ = WorkerThread(name: "scripted") { [descriptor] in
      while case let connection = accept(descriptor, nil, nil), connection >= 0 {
        _ = WorkerThread(name: "scripted") {
          serve(ScriptedConnection(descriptor: connection))
          close(connection)
        }
      }
    }
  }

  func stop() {
    shutdown(descriptor, Int32(SHUT_RDWR))
    unlink(path)
  }
}

/// Blocking, as a thread of a test may.
struct ScriptedConnection: Sendable {
  let descriptor: Int32

  /// All that comes until `end` has, or until the other side closes.
  func receive(until end: String = "\r\n\r\n") -> String {
    var text = ""
    while !text.hasSuffix(end), let piece = receive() { text += piece }
    return text
  }

  /// nil: the other side sends no more.
  func receive() -> String? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }

  @discardableResult
  func send(_ text: String) -> Bool { send([UInt8](text.utf8)) }

  /// False: the other side takes no more.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      done += count
    }
    return true
  }

  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Connects to a Unix socket.
  static func to(_ path: String) throws -> ScriptedConnection {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard code == 0 else { throw SystemError("connect", path) }
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    return ScriptedConnection(descriptor: descriptor)
  }
}

/// What a test's threads tell it.
final class Notes: Sendable {
  private let texts = Mutex<[String]>([])

  func add(_ text: String) { texts.withLock { $0.append(text) } }
  var all: [String] { texts.withLock { $0 } }
}

func onOwnThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    _ = WorkerThread(name: "client") { continuation.resume(with: Swift.Result(catching: body)) }
  }
}
