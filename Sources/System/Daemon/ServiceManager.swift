import Glibc
import Linux

/// The service manager that started this process, if one did (sd_notify(3)).
public struct ServiceManager: Sendable {
  private let socketPath: String?

  /// `environment` of the process.
  public init(environment: [String: String]) { socketPath = environment["NOTIFY_SOCKET"] }

  /// The daemon serves from now on.
  public func ready() throws(SystemError) { try notify("READY=1") }

  /// The daemon has begun to stop.
  public func stopping() throws(SystemError) { try notify("STOPPING=1") }

  private func notify(_ message: String) throws(SystemError) {
    guard let socketPath else { return }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var path = [UInt8](socketPath.utf8)
    guard (1..<MemoryLayout.size(ofValue: address.sun_path)).contains(path.count) else {
      throw SystemError("sendto", socketPath, ENAMETOOLONG)
    }
    // A name that begins with @ is in the abstract namespace.
    if path[0] == UInt8(ascii: "@") { path[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let length = MemoryLayout.offset(of: \sockaddr_un.sun_path)! + path.count
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if descriptor < 0 { throw SystemError("socket", socketPath) }
    defer { close(descriptor) }
    let sent = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, message, message.utf8.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length))
      }
    }
    if sent < 0 { throw SystemError("sendto", socketPath) }
  }
}
