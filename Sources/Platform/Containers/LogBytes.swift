import Glibc
import Linux

/// The bytes of a container's log, while it grows and after it was compressed. Offsets stay the same, and what was taken
/// out of its middle is passed over.
final class LogBytes {
  /// Bytes that are read at a time.
  static let pieceSize = 256 << 10

  private let path: String
  private let descriptor: Int32
  private let archive: LogArchive?

  /// nil: there is no log yet.
  /// - Parameter path: of the log that is not compressed.
  /// - Throws: `SystemError` where it is there and can't be read, ``LogArchive/Damage``.
  init?(path: String) throws {
    var path = path
    var descriptor = open(path, O_RDONLY | O_CLOEXEC)
    let isPlain = descriptor >= 0
    if !isPlain && errno == ENOENT {
      path = LogArchive.path(of: path)
      descriptor = open(path, O_RDONLY | O_CLOEXEC)
      if descriptor < 0 && errno == ENOENT { return nil }
    }
    guard descriptor >= 0 else { throw SystemError("open", path) }
    self.path = path
    self.descriptor = descriptor
    do {
      archive = isPlain ? nil : try LogArchive(descriptor, path)
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  var isCompressed: Bool { archive != nil }

  /// How long it is, with what was taken out.
  func size() throws -> Int64 {
    if let archive { return archive.size }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemError("stat", path) }
    return Int64(status.st_size)
  }

  /// The next bytes from an offset on, and where they begin; nil: that is the end for now.
  func read(at offset: Int64) throws -> (start: Int64, bytes: [UInt8])? {
    if let archive { return try archive.read(at: offset) }
    // <unistd.h>, hidden behind _GNU_SOURCE.
    let seekData = Int32(3)
    let start = lseek(descriptor, off_t(offset), seekData)
    if start < 0 && errno == ENXIO { return nil }
    // Where the file system knows of no holes it reads them as zeros.
    let position = start < 0 ? off_t(offset) : start
    var buffer = [UInt8](repeating: 0, count: Self.pieceSize)
    let count = pread(descriptor, &buffer, buffer.count, position)
    guard count >= 0 else { throw SystemError("read", path) }
    if count == 0 { return nil }
    buffer.removeLast(buffer.count - count)
    return (Int64(position), buffer)
  }
}
