import CLinux
import Glibc
import Linux

/// Copies a file or a directory within the mount by copy_file_range(2), which there shares the chunks: the bytes stay
/// where they are, whatever their number.
///
/// The names are those that a job gave, and this daemon is root: no `..` and no link leads out of the source. Owners are
/// not kept; permissions, times and links are. Blocks.
struct TreeCopy: Sendable {
  private let source: String
  private let part: String
  private let destination: String
  /// Of a file: its path in the destination; nil: its own name. A directory's content goes into the destination.
  private let name: String?

  /// - Parameters:
  ///   - source: a directory that is trusted, an absolute path.
  ///   - part: what to copy, relative to it.
  ///   - destination: a directory that is there.
  init(from source: String, _ part: String, to destination: String, as name: String? = nil) {
    self.source = source
    self.part = part
    self.destination = destination
    self.name = name
  }

  func run() throws {
    let from = try directory(source)
    defer { close(from) }
    let to = try directory(destination)
    defer { close(to) }
    // Without waiting: it may be a FIFO.
    let found = cairn_open_beneath(from, part, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0)
    guard found >= 0 else { throw SystemError("open", source + "/" + part) }
    var status = stat()
    guard fstat(found, &status) == 0 else {
      let error = SystemError("stat", part)
      close(found)
      throw error
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR:
      defer { close(found) }
      try copyDirectory(found, to: to)
    case S_IFREG:
      let name = name ?? part.split(separator: "/").last.map(String.init) ?? part
      try makeParents(of: name, in: to)
      try copyFile(found, status, to: to, name)
    default:
      close(found)
      throw SystemError("copy", part + " (neither a file nor a directory)", EINVAL)
    }
  }

  private func copyDirectory(_ from: Int32, to: Int32) throws {
    // A list of its own, not recursion: whoever made the directories chose how deep they are.
    var waiting = [""]
    var made: [(path: String, status: stat)] = []
    while let path = waiting.popLast() {
      for name in try names(from, path) {
        let child = path.isEmpty ? name : path + "/" + name
        var status = stat()
        guard fstatat(from, child, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw SystemError("stat", child) }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
          if mkdirat(to, child, 0o700) != 0 { throw SystemError("mkdir", child) }
          made.append((child, status))
          waiting.append(child)
        case S_IFREG:
          let file = cairn_open_beneath(from, child, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 1)
          guard file >= 0 else { throw SystemError("open", child) }
          try copyFile(file, status, to: to, child)
        case S_IFLNK: try copyLink(from, child, to: to)
        // Sockets and devices are no part of a model.
        default: continue
        }
      }
    }
    // After what is in them, which changes their times and may not be allowed by their permissions.
    for (path, status) in made.reversed() {
      if fchmodat(to, path, status.st_mode & 0o777, 0) != 0 { throw SystemError("chmod", path) }
      try setTime(to, path, status)
    }
  }

  /// Closes `file`.
  private func copyFile(_ file: Int32, _ status: stat, to: Int32, _ path: String) throws {
    defer { close(file) }
    let copy = openat(to, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard copy >= 0 else { throw SystemError("open", path) }
    defer { close(copy) }
    while true {
      let count = cairn_copy_file_range(file, copy, 1 << 30)
      if count < 0 && errno == EINTR { continue }
      if count < 0 { throw SystemError("copy_file_range", path) }
      if count == 0 { break }
    }
    if fchmod(copy, status.st_mode & 0o777) != 0 { throw SystemError("chmod", path) }
    try setTime(to, path, status)
  }

  private func copyLink(_ from: Int32, _ path: String, to: Int32) throws {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = target.withUnsafeMutableBytes { readlinkat(from, path, $0.baseAddress!, $0.count - 1) }
    guard count >= 0 else { throw SystemError("readlink", path) }
    let link = target[...count].map { CChar(bitPattern: $0) }
    if symlinkat(link, to, path) != 0 { throw SystemError("symlink", path) }
  }

  private func makeParents(of path: String, in directory: Int32) throws {
    var parent = ""
    for component in path.split(separator: "/").dropLast() {
      parent += (parent.isEmpty ? "" : "/") + component
      if mkdirat(directory, parent, 0o755) != 0 && errno != EEXIST { throw SystemError("mkdir", parent) }
    }
  }

  private func setTime(_ directory: Int32, _ path: String, _ status: stat) throws {
    let times = [status.st_mtim, status.st_mtim]
    if utimensat(directory, path, times, AT_SYMLINK_NOFOLLOW) != 0 { throw SystemError("utimensat", path) }
  }

  private func directory(_ path: String) throws -> Int32 {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError("open", path) }
    return descriptor
  }

  private func names(_ root: Int32, _ path: String) throws -> [String] {
    let descriptor = cairn_open_beneath(root, path.isEmpty ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 1)
    guard descriptor >= 0 else { throw SystemError("open", path) }
    guard let stream = fdopendir(descriptor) else {
      let error = SystemError("fdopendir", path)
      close(descriptor)
      throw error
    }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw SystemError("readdir", path) }
        return names
      }
      // The record is as long as its name, not as long as the type says.
      let start = UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!
      let bytes = UnsafeRawBufferPointer(start: start, count: strlen(start.assumingMemoryBound(to: CChar.self)))
      if bytes.elementsEqual(".".utf8) || bytes.elementsEqual("..".utf8) { continue }
      guard let name = String(validating: bytes, as: UTF8.self) else {
        throw SystemError("copy", path + " (a name in it is not UTF-8)", EILSEQ)
      }
      names.append(name)
    }
  }
}
