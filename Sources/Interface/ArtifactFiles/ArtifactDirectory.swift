public import API
import CLinux
import FoundationEssentials
import Glibc
import Linux
import Wire

/// A job's artifacts as files below one directory.
///
/// What is in there was made by whoever ran the job, and this daemon is root: every path is opened by
/// openat2(2) with RESOLVE_BENEATH, so that no `..` and no link, however it is exchanged meanwhile,
/// leads out of the directory. All methods block.
public struct ArtifactDirectory: Sendable {
  /// The absolute path on the host.
  public let root: String

  public init(root: String) { self.root = root }

  /// The most entries of one answer, and the most bytes of their paths: a job may leave behind any
  /// number of names, and a chain of directories as deep as it likes.
  private static let maximumEntries = 200_000
  private static let maximumPathBytes = 64 << 20

  /// What is at `path`: a file's own entry, or a directory's entries.
  public func list(_ path: [UInt8], recursive: Bool) throws -> [ArtifactEntry] {
    let start = try open(path, flags: pathOnly)
    defer { close(start) }
    var status = stat()
    if fstat(start, &status) != 0 { throw failure("stat", path) }
    guard status.st_mode & S_IFMT == S_IFDIR else { return [entry(path, status, target: nil)] }
    var entries: [ArtifactEntry] = []
    var pathBytes = 0
    // A stack of its own, not recursion: the thread's is far too small for the depth that a job can make.
    var waiting = try children(of: start, [], path)
    while let next = waiting.popLast() {
      entries.append(next)
      pathBytes += next.pathBytes.count
      if recursive && next.kind == .directory {
        let below = Array(next.pathBytes.dropFirst(path.isEmpty ? 0 : path.count + 1))
        waiting += try children(of: start, below, Array(next.pathBytes))
      }
      if entries.count + waiting.count > Self.maximumEntries || pathBytes > Self.maximumPathBytes { throw tooMany() }
    }
    return entries
  }

  /// The entries of the directory `below` the directory `start`, the last first. There are none where
  /// it is gone, or something else has taken its place: the job is at work.
  ///
  /// - Parameter path: the directory's path from the root.
  private func children(of start: Int32, _ below: [UInt8], _ path: [UInt8]) throws -> [ArtifactEntry] {
    // The links on the way to `start` were asked for; one that has come since into the place of a directory was not.
    let descriptor = withCString(below.isEmpty ? Array(".".utf8) : below) {
      cairn_open_beneath(start, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 1)
    }
    guard descriptor >= 0 else {
      if [ENOENT, ENOTDIR, ELOOP].contains(errno) && !below.isEmpty { return [] }
      throw failure("open", path)
    }
    let directory = try DirectoryStream(takingOver: descriptor, root + "/" + name(path))
    var names: [[UInt8]] = []
    while let name = try directory.next() {
      names.append(name)
      if names.count > Self.maximumEntries { throw tooMany() }
    }
    names.sort { $1.lexicographicallyPrecedes($0) }
    return names.compactMap { name in
      var status = stat()
      let code = withCString(name) { fstatat(descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }
      // It was there a moment ago.
      if code != 0 { return nil }
      let child = path.isEmpty ? name : path + [UInt8(ascii: "/")] + name
      return entry(child, status, target: status.st_mode & S_IFMT == S_IFLNK ? target(of: name, in: descriptor) : nil)
    }
  }

  private func target(of name: [UInt8], in directory: Int32) -> Data? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = withCString(name) { name in
      buffer.withUnsafeMutableBytes { readlinkat(directory, name, $0.baseAddress!, $0.count) }
    }
    return count < 0 ? nil : Data(buffer[..<count])
  }

  private func entry(_ path: [UInt8], _ status: stat, target: Data?) -> ArtifactEntry {
    let kind: ArtifactEntry.Kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .directory
      case S_IFLNK: .symbolicLink
      default: .other
      }
    return ArtifactEntry(
      path: Data(path), kind: kind, size: kind == .file ? UInt64(status.st_size) : 0,
      modifiedNanoseconds: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
      mode: UInt32(status.st_mode) & 0o7777, target: target)
  }

  private func tooMany() -> APIError {
    .tooLarge(
      "There are more artifacts than one answer can hold; list one directory at a time, or look at \(root).",
      subject: root)
  }

  /// Opens a regular file for reading.
  public func open(_ path: [UInt8]) throws -> ArtifactFile {
    // Opening a FIFO would wait for a writer, and opening a device may have it do something: so this only
    // finds what is there, and a regular file is opened in a second step, which cannot lead elsewhere.
    let found = try open(path, flags: pathOnly)
    defer { close(found) }
    var status = stat()
    if fstat(found, &status) != 0 { throw failure("stat", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw APIError.invalid("\(name(path)) is not a regular file, so it has no content to get.", subject: name(path))
    }
    let descriptor = Glibc.open("/proc/self/fd/\(found)", O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw failure("open", path) }
    return ArtifactFile(descriptor: descriptor, size: UInt64(status.st_size), name: name(path))
  }

  /// Opens what is at `path`, through links if they stay within the artifacts. The caller closes it.
  func open(_ path: [UInt8], flags: Int32) throws -> Int32 {
    try check(path)
    let top = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    if top < 0 {
      if errno == ENOENT {
        throw APIError.notFound("This job has no artifacts (any more): there is no \(root).", subject: root)
      }
      throw failure("open", [])
    }
    defer { close(top) }
    let descriptor = withCString(path.isEmpty ? Array(".".utf8) : path) {
      cairn_open_beneath(top, $0, flags | O_CLOEXEC, 0)
    }
    if descriptor < 0 { throw failure("open", path) }
    return descriptor
  }

  private func check(_ path: [UInt8]) throws {
    let components = path.split(separator: UInt8(ascii: "/"))
    if path.contains(0) || path.first == UInt8(ascii: "/") || components.contains(Array("..".utf8)[...]) {
      throw APIError.invalid(
        "\(name(path)) is no path below a job's artifacts: it may not begin with / nor hold `..`.", subject: name(path))
    }
  }

  /// What `errno` says about `path`.
  func failure(_ call: String, _ path: [UInt8]) -> any Error {
    let subject = name(path)
    switch errno {
    case ENOENT, ENOTDIR: return APIError.notFound("There is no artifact \(subject).", subject: subject)
    case EXDEV, ELOOP:
      return APIError.invalid(
        "\(subject) leads out of the job's artifacts by a link, or in a circle.", subject: subject)
    // Of openat2(2), where directories are moved about while it walks: nothing is wrong with the path.
    case EAGAIN:
      return APIError.conflict("\(subject) is being moved about by the job; try again.", code: "busy", subject: subject)
    case ENAMETOOLONG:
      return APIError.invalid(
        "\(subject.prefix(80))… is too long a path or has too long a name in it; look at \(root).", subject: "path")
    default: return SystemError(call, root + "/" + subject)
    }
  }

  func name(_ path: [UInt8]) -> String { path.isEmpty ? root : String(decoding: path, as: UTF8.self) }
}

/// O_PATH, which Glibc's module does not show; the value is the kernel's.
private let pathOnly: Int32 = 0o10000000

func withCString<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
  (bytes + [0]).withUnsafeBufferPointer { buffer in
    buffer.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) }
  }
}
