import CLinux
import Containers
import ControlDatabase
import FoundationEssentials
import Glibc
import Linux
import Logging
import Sockets

/// Takes the lines that the proxy writes for each request, keeps them in a file for each deployment, and counts.
///
/// The proxy appends to one file whose descriptor it has inherited, so no line is lost while no control plane runs. What
/// has been taken is cut out of the file, whose offsets stay.
actor AccessLog {
  /// A deployment's file of this size becomes `access.log.1`, and the one of that name is removed.
  private static let fileLimit = 8 << 20
  private static let period = 0.5
  private static let pieceSize = 1 << 20

  private let path: String
  private let files: ReplicaFiles
  private let logger: Logger
  private var statistics: [String: TrafficStatistics] = [:]
  /// How far the proxy's file has been taken; nil: an earlier daemon knew.
  private var taken: Int?

  /// - Parameter path: of the file that the proxy writes.
  init(path: String, files: ReplicaFiles, logger: Logger) {
    self.path = path
    self.files = files
    self.logger = logger
  }

  /// Up to this moment: what somebody has just asked a replica is there.
  func statistics(of deployment: String) throws -> TrafficStatistics {
    try takeAll()
    return statistics[deployment] ?? TrafficStatistics()
  }

  /// What is kept of a deployment's requests, oldest first; the last `limit` of them.
  func entries(of deployment: String, limit: Int) throws -> [AccessLogEntry] {
    try takeAll()
    let path = files.accessLog(of: deployment)
    let text = [path + ".1", path].map { (try? String(contentsOfFile: $0, encoding: .utf8)) ?? "" }.joined()
    return text.split(separator: "\n").suffix(limit).compactMap { AccessLogEntry(parsing: $0) }
  }

  func forget(_ deployment: String) { statistics[deployment] = nil }

  /// Takes lines until it is cancelled.
  func run() async throws {
    while true {
      try takeAll()
      await Poller.shared.sleep(seconds: Self.period)
      try Task.checkCancellation()
    }
  }

  private func takeAll() throws {
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    // No proxy has run yet.
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemError("fstat", path) }
    // No file: no line has been taken yet.
    var offset =
      taken ?? (try? String(contentsOfFile: path + ".offset", encoding: .utf8)).flatMap { Int($0) } ?? 0
    defer { taken = offset }
    // A proxy that was started anew begins anew.
    if status.st_size < offset { offset = 0 }
    guard status.st_size > offset else { return }
    var buffer = [UInt8](repeating: 0, count: Self.pieceSize)
    while status.st_size > offset {
      let count = pread(descriptor, &buffer, buffer.count, offset)
      guard count >= 0 else { throw SystemError("pread", path) }
      // The rest of a line that is being written comes with the next look.
      guard let end = buffer[..<count].lastIndex(of: UInt8(ascii: "\n")) else { break }
      take(buffer[...end])
      offset += end + 1
      try writeFile(path + ".offset", "\(offset)")
    }
    // Where the file system can't, the space stays taken until the proxy is started anew.
    _ = cairn_fallocate(descriptor, Int32(CAIRN_FALLOC_PUNCH_HOLE | CAIRN_FALLOC_KEEP_SIZE), 0, offset & ~4095)
  }

  private func take(_ bytes: ArraySlice<UInt8>) {
    var batch: [String: (lines: [AccessLogLine], bytes: [UInt8])] = [:]
    bytes.withUnsafeBytes { bytes in
      var name = ""
      var rest = bytes[...]
      while !rest.isEmpty {
        let whole = UnsafeRawBufferPointer(rebasing: rest)
        let end = memchr(whole.baseAddress!, 10, whole.count).map { UnsafeRawPointer($0) - whole.baseAddress! }
        let line = UnsafeRawBufferPointer(rebasing: whole[..<(end ?? whole.count)])
        rest = rest.dropFirst(line.count + 1)
        guard let counted = AccessLogLine(line) else { continue }
        let word = UnsafeRawBufferPointer(rebasing: line[counted.deployment])
        // Most lines are about the same deployment as the one before.
        if !name.utf8.elementsEqual(word) { name = String(decoding: word, as: UTF8.self) }
        // The name is what the client wrote into its request.
        guard batch[name] != nil || Names.isValid(name) else { continue }
        batch[name, default: ([], [])].lines.append(counted)
        batch[name]?.bytes += line
        batch[name]?.bytes.append(10)
      }
    }
    for (deployment, (lines, bytes)) in batch where append(bytes, of: deployment) {
      var counted = statistics[deployment] ?? TrafficStatistics()
      for line in lines { counted.add(line) }
      statistics[deployment] = counted
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
}
