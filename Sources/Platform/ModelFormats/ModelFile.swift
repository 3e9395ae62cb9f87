import CLinux
import Glibc
import Linux

/// A regular file of a model, open for reading.
final class ModelFile: Sendable {
  let size: UInt64
  private let descriptor: Int32
  private let path: String

  /// Opens the file at `path` below the directory that is open as `directory`; links count if they stay below it.
  /// - Throws: `SystemError`, or ``FormatError`` where it is no regular file.
  init(_ path: String, below directory: Int32) throws {
    self.path = path
    // Without waiting: the name may be that of a FIFO.
    descriptor = cairn_open_beneath(directory, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0)
    guard descriptor >= 0 else { throw SystemError("open", path) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let error = SystemError("stat", path)
      close(descriptor)
      throw error
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw FormatError("it is no regular file")
    }
    size = UInt64(max(0, status.st_size))
  }

  deinit { close(descriptor) }

  func read(at offset: UInt64, _ count: Int) throws -> [UInt8] {
    var done = 0
    var failure: SystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while done < count {
        let got = pread(descriptor, buffer.baseAddress! + done, count - done, off_t(offset) + off_t(done))
        if got < 0 && errno == EINTR { continue }
        if got < 0 { failure = SystemError("read", path) }
        if got <= 0 { break }
        done += got
      }
      filled = done
    }
    if let failure { throw failure }
    return bytes
  }
}
