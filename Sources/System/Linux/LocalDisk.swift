import CLinux
import Glibc

/// The real disk: a directory of the host.
public final class LocalDisk: Disk {
  /// The absolute path of the directory.
  public let root: String

  /// Uses an existing directory.
  public init(root: String) {
    self.root = root
  }

  private func absolute(_ path: String) -> String { path.isEmpty ? root : root + "/" + path }

  public func open(_ path: String, create: Bool) throws(SystemError) -> any DiskFile {
    try LocalFile(path: absolute(path), create: create)
  }

  public func makeDirectory(_ path: String) throws(SystemError) {
    if mkdir(absolute(path), 0o700) != 0 && errno != EEXIST { throw SystemError("mkdir", absolute(path)) }
  }

  public func list(_ directory: String) throws(SystemError) -> [String] {
    guard let stream = opendir(absolute(directory)) else { throw SystemError("opendir", absolute(directory)) }
    defer { closedir(stream) }
    var names: [String] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    if errno != 0 { throw SystemError("readdir", absolute(directory)) }
    return names
  }

  public func rename(_ from: String, _ to: String) throws(SystemError) {
    if Glibc.rename(absolute(from), absolute(to)) != 0 { throw SystemError("rename", absolute(from)) }
  }

  public func remove(_ path: String) throws(SystemError) {
    if unlink(absolute(path)) != 0 { throw SystemError("unlink", absolute(path)) }
  }

  public func exists(_ path: String) -> Bool { access(absolute(path), F_OK) == 0 }

  public func syncDirectory(_ path: String) throws(SystemError) {
    let descriptor = Glibc.open(absolute(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { throw SystemError("open", absolute(path)) }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw SystemError("fsync", absolute(path)) }
  }

  public func freeBytes() throws(SystemError) -> UInt64 {
    var result = statvfs()
    if statvfs(root, &result) != 0 { throw SystemError("statvfs", root) }
    return UInt64(result.f_bavail) * UInt64(result.f_frsize)
  }
}

/// A file of the host.
public final class LocalFile: DiskFile {
  private let descriptor: Int32
  private let path: String

  init(path: String, create: Bool) throws(SystemError) {
    self.path = path
    descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0o600)
    if descriptor < 0 { throw SystemError("open", path) }
  }

  deinit { close(descriptor) }

  /// Whether a file can have so many bytes at a place. Where that comes from a damaged catalog, it may be any.
  private func reaches(_ offset: UInt64, _ count: UInt64) -> Bool {
    offset <= UInt64(off_t.max) && count <= UInt64(off_t.max) - offset
  }

  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    guard reaches(offset, UInt64(buffer.count)) else { return 0 }
    if readCached(into: buffer, at: offset) { return buffer.count }
    Waiting.announce(isBrief: true)
    var done = 0
    while done < buffer.count {
      let count = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + off_t(done))
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError("pread", path)
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  public func readCached(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Bool {
    reaches(offset, UInt64(buffer.count))
      && cairn_read_cached(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) == buffer.count
  }

  public func prefetch(offset: UInt64, length: UInt64) {
    guard reaches(offset, length) else { return }
    posix_fadvise(descriptor, off_t(offset), off_t(length), POSIX_FADV_WILLNEED)
  }

  public func startWriting(offset: UInt64, length: UInt64) {
    guard reaches(offset, length) else { return }
    let write: UInt32 = 2  // SYNC_FILE_RANGE_WRITE
    // An error is the next sync's to tell.
    _ = cairn_sync_file_range(descriptor, off_t(offset), off_t(length), write)
  }

  public func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) {
    guard reaches(offset, UInt64(bytes.count)) else { throw SystemError("pwrite", path, EFBIG) }
    var done = 0
    while done < bytes.count {
      let count = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset) + off_t(done))
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError("pwrite", path)
      }
      done += count
    }
  }

  public func sync() throws(SystemError) {
    if fdatasync(descriptor) != 0 { throw SystemError("fdatasync", path) }
  }

  public func truncate(to length: UInt64) throws(SystemError) {
    guard reaches(length, 0) else { throw SystemError("ftruncate", path, EFBIG) }
    if ftruncate(descriptor, off_t(length)) != 0 { throw SystemError("ftruncate", path) }
  }

  public func allocate(offset: UInt64, length: UInt64) throws(SystemError) {
    guard reaches(offset, length) else { throw SystemError("fallocate", path, EFBIG) }
    if cairn_fallocate(descriptor, 0, off_t(offset), off_t(length)) != 0 { throw SystemError("fallocate", path) }
  }

  public func punch(offset: UInt64, length: UInt64) throws(SystemError) {
    guard reaches(offset, length) else { throw SystemError("fallocate", path, EFBIG) }
    let mode = Int32(CAIRN_FALLOC_PUNCH_HOLE | CAIRN_FALLOC_KEEP_SIZE)
    if cairn_fallocate(descriptor, mode, off_t(offset), off_t(length)) != 0 { throw SystemError("fallocate", path) }
  }

  public func length() throws(SystemError) -> UInt64 {
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw SystemError("fstat", path) }
    return UInt64(status.st_size)
  }
}
