import API
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
struct ArtifactDirectory: Sendable {
  /// The absolute path on the host.
  let root: String

  /// The most entries of one answer.
  private static let maximumEntries = 200_000

  /// What is at `path`: a file's own entry, or a directory's entries.
  func list(_ path: [UInt8], recursive: Bool) throws -> [ArtifactEntry] {
    let descriptor = try open(path, flags: O_PATH_ONLY)
    defer { close(descriptor) }
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw failure("stat", path) }
    guard status.st_mode & S_IFMT == S_IFDIR else { return [entry(path, status, parent: nil)] }
    var entries: [ArtifactEntry] = []
    try list(path, recursive: recursive, into: &entries)
    return entries
  }

  private func list(_ path: [UInt8], recursive: Bool, into entries: inout [ArtifactEntry]) throws {
    let descriptor = try open(path, flags: O_RDONLY | O_DIRECTORY)
    guard let stream = fdopendir(descriptor) else {
      close(descriptor)
      throw failure("open", path)
    }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != Array(".".utf8) && name != Array("..".utf8) { names.append(name) }
    }
    for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      var status = stat()
      let code = cString(name) { fstatat(descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }
      // It was there a moment ago: the job is at work.
      if code != 0 { continue }
      if entries.count >= Self.maximumEntries {
        throw APIError.tooLarge(
          "There are more than \(Self.maximumEntries) artifacts; list one directory at a time.", subject: root)
      }
      let child = path.isEmpty ? name : path + [UInt8(ascii: "/")] + name
      entries.append(entry(child, status, parent: (descriptor, name)))
      if recursive && status.st_mode & S_IFMT == S_IFDIR {
        do {
          try list(child, recursive: true, into: &entries)
        } catch let error as APIError where error.status == 404 {
          continue
        }
      }
    }
  }

  private func entry(_ path: [UInt8], _ status: stat, parent: (Int32, [UInt8])?) -> ArtifactEntry {
    let kind: ArtifactEntry.Kind
    var target: Data?
    switch status.st_mode & S_IFMT {
    case S_IFREG: kind = .file
    case S_IFDIR: kind = .directory
    case S_IFLNK:
      kind = .symbolicLink
      if let (descriptor, name) = parent {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = cString(name) { name in
          buffer.withUnsafeMutableBytes { readlinkat(descriptor, name, $0.baseAddress!, $0.count) }
        }
        if count >= 0 { target = Data(buffer[..<count]) }
      }
    default: kind = .other
    }
    return ArtifactEntry(
      path: Data(path), kind: kind, size: kind == .file ? UInt64(status.st_size) : 0,
      modifiedNanoseconds: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
      mode: UInt32(status.st_mode) & 0o7777, target: target)
  }

  /// Opens a regular file for reading.
  func open(_ path: [UInt8]) throws -> ArtifactFile {
    // Without blocking: a FIFO would hold the thread until somebody writes.
    let descriptor = try open(path, flags: O_RDONLY | O_NONBLOCK)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw APIError.invalid("\(name(path)) is not a regular file, so it has no content to get.", subject: name(path))
    }
    return ArtifactFile(descriptor: descriptor, size: UInt64(status.st_size), name: name(path))
  }

  /// Removes a file, or a directory with all that is in it.
  func remove(_ path: [UInt8]) throws {
    let components = path.split(separator: UInt8(ascii: "/"))
    guard let last = components.last else { throw APIError.invalid("No artifact is named.", subject: "path") }
    let parent = try open(Array(components.dropLast().joined(separator: [UInt8(ascii: "/")])), flags: O_PATH_ONLY)
    defer { close(parent) }
    // `remove` below follows no link, so `..` is all that is left to keep out; `open` has refused it in the parent.
    try check(Array(last))
    try remove(Array(last), in: parent, path)
  }

  private func remove(_ name: [UInt8], in parent: Int32, _ path: [UInt8]) throws {
    if cString(name, { unlinkat(parent, $0, 0) }) == 0 { return }
    guard errno == EISDIR || errno == EPERM else { throw failure("unlink", path) }
    let descriptor = cString(name) { openat(parent, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
    guard descriptor >= 0, let stream = fdopendir(descriptor) else { throw failure("open", path) }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != Array(".".utf8) && name != Array("..".utf8) { names.append(name) }
    }
    for child in names { try remove(child, in: descriptor, path + [UInt8(ascii: "/")] + child) }
    if cString(name, { unlinkat(parent, $0, AT_REMOVEDIR) }) != 0 { throw failure("rmdir", path) }
  }

  private func open(_ path: [UInt8], flags: Int32) throws -> Int32 {
    try check(path)
    let top = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if top < 0 {
      if errno == ENOENT {
        throw APIError.notFound("This job has no artifacts (any more): there is no \(root).", subject: root)
      }
      throw failure("open", [])
    }
    defer { close(top) }
    let descriptor = cString(path.isEmpty ? Array(".".utf8) : path) {
      cairn_open_beneath(top, $0, flags | O_CLOEXEC)
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

  private func failure(_ call: String, _ path: [UInt8]) -> any Error {
    let subject = name(path)
    switch errno {
    case ENOENT, ENOTDIR: return APIError.notFound("There is no artifact \(subject).", subject: subject)
    case EXDEV, ELOOP:
      return APIError.invalid("\(subject) leads out of the job's artifacts by a link.", subject: subject)
    case ENAMETOOLONG: return APIError.invalid("\(subject.prefix(80))… is too long a path.", subject: "path")
    case EROFS, EPERM, EACCES:
      return APIError.conflict(
        "\(subject) can't be changed: the artifacts of an ended job are sealed. All of them can be removed, "
          + "with `cairn artifact rm JOB`.", code: "sealed", subject: subject)
    default: return SystemError(call, root + "/" + subject)
    }
  }

  private func name(_ path: [UInt8]) -> String { path.isEmpty ? root : String(decoding: path, as: UTF8.self) }
}

/// O_PATH, which Glibc's module does not show; the value is the kernel's.
private let O_PATH_ONLY: Int32 = 0o10000000

private func cString<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
  (bytes + [0]).withUnsafeBufferPointer { buffer in
    buffer.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) }
  }
}
