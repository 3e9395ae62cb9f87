import Glibc

/// Lists what a workspace holds: everything below a directory but `.git` and what the ignore files
/// leave out. The ignore files are `.cairnignore` at every level where the top has one, else
/// `.gitignore`. Parents come before their children, names in the order of their bytes, so that the
/// same tree always gives the same list.
///
/// Blocks; call it from a thread of its own.
public struct WorkspaceWalk: Sendable {
  public private(set) var entries: [WorkspaceEntry] = []
  public private(set) var skipped: [SkippedFile] = []

  private let top: Int32
  private let ignoreFile: [UInt8]
  /// The first name met of each file that has several.
  private var linked: [FileIdentity: [UInt8]] = [:]

  private struct FileIdentity: Hashable {
    var device: UInt64
    var inode: UInt64
  }

  /// Walks `directory`.
  public init(directory: String) throws(WorkspaceError) {
    top = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if top < 0 {
      if errno == ENOTDIR { throw .notADirectory(path: directory) }
      throw .unreadable(path: Array(directory.utf8), call: "open", reason: String(cString: strerror(errno)))
    }
    defer { close(top) }
    let usesOwnRules = faccessat(top, ".cairnignore", F_OK, AT_SYMLINK_NOFOLLOW) == 0
    ignoreFile = Array((usesOwnRules ? ".cairnignore" : ".gitignore").utf8)
    let status = try status(of: [])
    entries.append(
      WorkspaceEntry(path: [], content: .directory, stamp: FileStamp(status), mode: UInt32(status.st_mode) & 0o7777))
    try walk([], rules: IgnoreRules())
  }

  private mutating func walk(_ directory: [UInt8], rules: IgnoreRules) throws(WorkspaceError) {
    let names = try names(in: directory)
    var rules = rules
    if names.contains(ignoreFile) {
      let path = joined(directory, ignoreFile)
      // As in git, a link is not followed: it could bring in rules from outside the tree.
      if try status(of: path).isRegular { rules = rules.adding(try content(of: path), in: directory) }
    }
    for name in names where name != Array(".git".utf8) {
      let path = joined(directory, name)
      let status = try status(of: path)
      if rules.ignores(path, isDirectory: status.isDirectory) { continue }
      switch status.st_mode & S_IFMT {
      case S_IFDIR:
        append(path, .directory, status)
        try walk(path, rules: rules)
      case S_IFLNK:
        append(path, .symbolicLink(target: try target(of: path)), status)
      case S_IFREG:
        let identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        if let first = linked[identity] {
          append(path, .hardLink(to: first), status)
        } else {
          if status.st_nlink > 1 { linked[identity] = path }
          append(path, .file, status)
        }
      case S_IFSOCK: skipped.append(SkippedFile(path: path, kind: "socket"))
      case S_IFIFO: skipped.append(SkippedFile(path: path, kind: "FIFO"))
      default: skipped.append(SkippedFile(path: path, kind: "device"))
      }
    }
  }

  private mutating func append(_ path: [UInt8], _ content: WorkspaceEntry.Content, _ status: stat) {
    entries.append(
      WorkspaceEntry(
        path: path, content: content, stamp: FileStamp(status), mode: UInt32(status.st_mode) & 0o7777))
  }

  private func joined(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
    directory.isEmpty ? name : directory + [UInt8(ascii: "/")] + name
  }

  private func failure(_ call: String, _ path: [UInt8]) -> WorkspaceError {
    .unreadable(path: path.isEmpty ? [UInt8(ascii: ".")] : path, call: call, reason: String(cString: strerror(errno)))
  }

  private func status(of path: [UInt8]) throws(WorkspaceError) -> stat {
    var status = stat()
    let code = withPath(path) { fstatat(top, $0, &status, AT_SYMLINK_NOFOLLOW) }
    if code != 0 { throw failure("stat", path) }
    return status
  }

  private func names(in directory: [UInt8]) throws(WorkspaceError) -> [[UInt8]] {
    let descriptor = withPath(directory) { openat(top, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
    guard descriptor >= 0, let stream = fdopendir(descriptor) else { throw failure("open", directory) }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != [UInt8(ascii: ".")] && name != Array("..".utf8) { names.append(name) }
      errno = 0
    }
    if errno != 0 { throw failure("readdir", directory) }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }

  private func target(of path: [UInt8]) throws(WorkspaceError) -> [UInt8] {
    // A target has at most PATH_MAX - 1 bytes.
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = withPath(path) { name in
      buffer.withUnsafeMutableBytes { readlinkat(top, name, $0.baseAddress!, $0.count) }
    }
    if count < 0 { throw failure("readlink", path) }
    return Array(buffer[..<count])
  }

  private func content(of path: [UInt8]) throws(WorkspaceError) -> [UInt8] {
    let descriptor = withPath(path) { openat(top, $0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
    if descriptor < 0 { throw failure("open", path) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 { throw failure("read", path) }
      if count == 0 { return content }
      content += buffer[..<count]
    }
  }
}

/// Calls `body` with `path` as C wants it; the empty path is the top, `.`.
func withPath<Result>(_ path: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
  let terminated = (path.isEmpty ? [UInt8(ascii: ".")] : path) + [0]
  return terminated.withUnsafeBufferPointer { bytes in
    bytes.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) }
  }
}

extension FileStamp {
  init(_ status: stat) {
    self.init(
      device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: UInt64(status.st_size),
      modified: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
      changed: Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec))
  }
}

extension stat {
  var isRegular: Bool { st_mode & S_IFMT == S_IFREG }
  var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
}
