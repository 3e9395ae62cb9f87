import ControlDatabase
import FoundationEssentials
import Glibc
import Linux
import Logging
import Sockets

/// Takes the lines that the proxy sends for each request, keeps them in a file for each deployment, and counts.
///
/// Lines that come while no control plane runs are lost; the proxy's own counters are not.
actor AccessLog {
  /// A file of this size becomes `access.log.1`, and the one of that name is removed.
  private static let fileLimit = 8 << 20
  private static let lineLimit = 8192

  private let path: String
  private let files: ReplicaFiles
  private let logger: Logger
  private var statistics: [String: TrafficStatistics] = [:]

  /// - Parameter path: of the socket.
  init(path: String, files: ReplicaFiles, logger: Logger) {
    self.path = path
    self.files = files
    self.logger = logger
  }

  func statistics(of deployment: String) -> TrafficStatistics { statistics[deployment] ?? TrafficStatistics() }

  /// What is kept of a deployment's requests, oldest first; the last `limit` of them.
  nonisolated func entries(of deployment: String, limit: Int) -> [AccessLogEntry] {
    let path = files.accessLog(of: deployment)
    let text = [path + ".1", path].map { (try? String(contentsOfFile: $0, encoding: .utf8)) ?? "" }.joined()
    return text.split(separator: "\n").suffix(limit).compactMap { AccessLogEntry(parsing: $0) }
  }

  func forget(_ deployment: String) { statistics[deployment] = nil }

  /// Receives until it is cancelled.
  func run() async throws {
    let descriptor = try listen()
    defer {
      close(descriptor)
      unlink(path)
    }
    var buffer = [UInt8](repeating: 0, count: Self.lineLimit)
    while true {
      // All that is there at once, so that a file is opened once for many lines.
      var batch: [String: (entries: [AccessLogEntry], bytes: [UInt8])] = [:]
      var count = 0
      while count < 1000, case let size = recv(descriptor, &buffer, buffer.count, 0), size > 0 {
        count += 1
        let line = buffer[..<size].last == 10 ? buffer[..<(size - 1)] : buffer[..<size]
        // The name is what the client wrote into its request.
        guard let entry = AccessLogEntry(parsing: String(decoding: line, as: UTF8.self)),
          Names.isValid(entry.deployment)
        else { continue }
        batch[entry.deployment, default: ([], [])].entries.append(entry)
        batch[entry.deployment]?.bytes += line + [10]
      }
      for (deployment, (entries, bytes)) in batch where append(bytes, of: deployment) {
        for entry in entries { statistics[deployment, default: TrafficStatistics()].add(entry) }
      }
      if count == 0 {
        if await Poller.shared.wait(descriptor, for: Int16(POLLIN), seconds: nil) == .cancelled {
          throw CancellationError()
        }
      } else {
        try Task.checkCancellation()
      }
    }
  }

  /// - Returns: false where there is no such deployment: it has no directory.
  private func append(_ bytes: [UInt8], of deployment: String) -> Bool {
    let path = files.accessLog(of: deployment)
    var status = stat()
    if stat(path, &status) == 0 && status.st_size > Self.fileLimit { rename(path, path + ".1") }
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    if write(descriptor, bytes, bytes.count) != bytes.count {
      logger.warning("\(SystemError("write", path)): access log lines are lost")
    }
    return true
  }

  private func listen() throws -> Int32 {
    unlink(path)
    let descriptor = socket(
      AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { throw SystemError("socket", path) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw SystemError("bind", path, ENAMETOOLONG)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    guard withSocketAddress(&address, { bind(descriptor, $0, $1) }) == 0 else { throw SystemError("bind", path) }
    // The proxy's workers send, and nobody else.
    chmod(path, 0o600)
    if let user = ProxyProcess.workerUser().flatMap({ getpwnam($0) }) { chown(path, user.pointee.pw_uid, 0) }
    // A burst that comes while a file is written waits in the kernel.
    var size: Int32 = 4 << 20
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
  }
}
