import Glibc
import Linux

/// The names in an open directory, one after the other. For one thread.
final class DirectoryStream {
  /// The directory itself, for calls on what is in it.
  let descriptor: Int32
  private let stream: OpaquePointer
  private let path: String

  /// Takes `descriptor` over: it is closed with this object, or before this throws.
  init(takingOver descriptor: Int32, _ path: String) throws {
    guard let stream = fdopendir(descriptor) else {
      let error = SystemError("fdopendir", path)
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
    self.stream = stream
    self.path = path
  }

  deinit { closedir(stream) }

  /// The next name but `.` and `..`; nil after the last.
  func next() throws -> [UInt8]? {
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw SystemError("readdir", path) }
        return nil
      }
      // The record is as long as its name, not as long as the type says.
      let record = UnsafeRawPointer(entry)
      let name = record + MemoryLayout<dirent>.offset(of: \.d_name)!
      let bytes = Array(UnsafeRawBufferPointer(start: name, count: strlen(name.assumingMemoryBound(to: CChar.self))))
      if bytes != Array(".".utf8) && bytes != Array("..".utf8) { return bytes }
    }
  }

  /// Begins again, with the directory as it is now.
  func rewind() { rewinddir(stream) }
}
