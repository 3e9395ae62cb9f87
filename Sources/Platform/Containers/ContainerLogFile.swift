import Glibc
import Linux

/// Reads a container's log while it grows, and after.
public final class ContainerLogFile {
  private let path: String
  private var descriptor: Int32 = -1
  private var parser = ContainerLogParser()
  private var buffer = [UInt8](repeating: 0, count: 256 << 10)

  /// The file need not be there yet.
  public init(path: String) { self.path = path }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The next lines; empty: there are no more for now.
  /// - Throws: `SystemError` where the file is there and can't be read.
  public func read() throws -> [LogLine] {
    if descriptor < 0 {
      descriptor = open(path, O_RDONLY | O_CLOEXEC)
      if descriptor < 0 {
        if errno == ENOENT { return [] }
        throw SystemError("open", path)
      }
    }
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      guard count >= 0 else { throw SystemError("read", path) }
      guard count > 0 else { return [] }
      let lines = parser.parse(buffer[..<count])
      if !lines.isEmpty { return lines }
    }
  }

  /// What was left without an end, once nobody writes any more.
  public func finish() -> [LogLine] { parser.finish() }
}
