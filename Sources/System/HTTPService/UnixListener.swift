import Glibc
import Linux

/// What has to be done to a Unix socket's file before and after a server binds it.
enum UnixListener {
  /// The process's file mode mask as it was.
  struct Umask {
    fileprivate let old: mode_t

    func restore() { umask(old) }
  }

  /// Makes the directory, refuses a socket that somebody answers on, removes a stale one, and sets a
  /// mask with which the new socket is for its owner only.
  static func prepare(_ path: String) throws(ListenError) -> Umask {
    guard path.hasPrefix("/"), path.utf8.count <= 107, !path.utf8.contains(0) else {
      throw .badPath(
        path: path, reason: "a socket's path is absolute and has at most 107 bytes. Choose a shorter run_dir.")
    }
    let directory = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    try makeDirectory(directory, for: path)
    var status = stat()
    if lstat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFSOCK else {
        throw .badPath(path: path, reason: "there is something that is no socket. Remove it if nobody needs it.")
      }
      if answers(path) { throw .inUse(path: path) }
      if unlink(path) != 0 && errno != ENOENT { throw .badPath(path: path, reason: "\(SystemError("unlink", path))") }
    }
    return Umask(old: umask(0o177))
  }

  private static func makeDirectory(_ directory: String, for path: String) throws(ListenError) {
    if directory.isEmpty { return }
    if mkdir(directory, 0o755) == 0 { return }
    switch errno {
    case EEXIST: return
    case ENOENT:
      try makeDirectory(String(directory[..<(directory.lastIndex(of: "/") ?? directory.startIndex)]), for: path)
      if mkdir(directory, 0o755) == 0 || errno == EEXIST { return }
      fallthrough
    default: throw .badPath(path: path, reason: "\(SystemError("mkdir", directory))")
    }
  }

  /// Whether a process accepts connections there.
  private static func answers(_ path: String) -> Bool {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    if descriptor < 0 { return false }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    // EAGAIN: its queue is full, so somebody has it.
    return code == 0 || errno == EAGAIN || errno == EINPROGRESS
  }

  /// Lets the group in, if the host has it.
  static func open(_ path: String, to group: String?) throws(ListenError) {
    if let group, let identifier = identifier(of: group), chown(path, uid_t.max, identifier) != 0 {
      throw .badPath(path: path, reason: "\(SystemError("chown", path))")
    }
    if chmod(path, 0o660) != 0 { throw .badPath(path: path, reason: "\(SystemError("chmod", path))") }
  }

  /// nil: the host has no such group.
  static func identifier(of group: String) -> gid_t? {
    var entry = Glibc.group()
    var found: UnsafeMutablePointer<Glibc.group>?
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64 << 10) { buffer in
      guard getgrnam_r(group, &entry, buffer.baseAddress!, buffer.count, &found) == 0 else { return nil }
      return found?.pointee.gr_gid
    }
  }

  static func remove(_ path: String) { unlink(path) }
}
