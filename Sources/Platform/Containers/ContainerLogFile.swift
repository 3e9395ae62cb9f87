import CLinux
import Glibc
import Linux

/// Reads a container's log while it grows, and after.
public final class ContainerLogFile {
  private let path: String
  private var bytes: LogBytes?
  private var parser: ContainerLogParser
  private var position: Int64

  /// The file need not be there yet.
  /// - Parameter offset: where to begin: 0, or the ``LogLine/end`` of a line.
  public init(path: String, offset: Int64 = 0) {
    self.path = path
    parser = ContainerLogParser(offset: offset)
    position = offset
  }

  /// The next lines; empty: there are no more for now.
  /// - Throws: `SystemError` where the file is there and can't be read.
  public func read() throws -> [LogLine] {
    if bytes == nil { bytes = try LogBytes(path: path) }
    guard let bytes else { return [] }
    while let piece = try bytes.read(at: position) {
      position = piece.start + Int64(piece.bytes.count)
      let lines = parser.parse(piece.bytes, at: piece.start)
      if !lines.isEmpty { return lines }
    }
    return []
  }

  /// Whether what was read comes from a compressed log, in which secrets are hidden for good.
  public var isCompressed: Bool { bytes?.isCompressed ?? false }

  /// The last lines that there are now, and those that come are read next. Reads no more of the file than it must.
  /// - Parameter isWanted: which lines count.
  public func readTail(_ count: Int, where isWanted: (LogLine) -> Bool) throws -> [LogLine] {
    guard let bytes = try LogBytes(path: path) else { return [] }
    self.bytes = bytes
    let size = try bytes.size()
    var length = Int64(LogBytes.pieceSize)
    while true {
      // A record whose beginning is cut off is passed over.
      let start = max(size - length, 0)
      position = start
      parser = ContainerLogParser(offset: start)
      var lines: [LogLine] = []
      while case let more = try read(), !more.isEmpty { lines = (lines + more.filter(isWanted)).suffix(count + 1) }
      // One more than is wanted, because the first may lack its beginning.
      if lines.count > count || start == 0 { return lines.suffix(count) }
      length *= 4
    }
  }

  /// What was left without an end, once nobody writes any more.
  public func finish() -> [LogLine] { parser.finish() }

  /// Compresses a log that nobody writes to any more; whoever reads it is not disturbed. May be repeated.
  /// - Parameter traces: texts that are written over with stars.
  public static func compress(_ path: String, hiding traces: [[UInt8]]) throws {
    try LogArchive.compress(path, hiding: traces)
  }

  /// Takes the middle out of a log that takes more than `limit` bytes on the disk: a quarter of that stays at its
  /// beginning and half of it at its end. Whoever writes to it or reads it goes on where he is.
  /// - Returns: the bytes that were given back.
  public static func limit(_ path: String, to limit: Int64) throws -> Int64 {
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return 0 }
      throw SystemError("open", path)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemError("stat", path) }
    guard Int64(status.st_blocks) * 512 > limit else { return 0 }
    let start = lineStart(descriptor, atOrAfter: limit / 4)
    let end = lineStart(descriptor, atOrAfter: Int64(status.st_size) - limit / 2)
    guard end > start else { return 0 }
    let mode = Int32(CAIRN_FALLOC_PUNCH_HOLE | CAIRN_FALLOC_KEEP_SIZE)
    guard cairn_fallocate(descriptor, mode, off_t(start), off_t(end - start)) == 0 else {
      throw SystemError("make a hole in", path)
    }
    return end - start
  }

  /// Lines end within some KiB: conmon writes no longer records.
  private static func lineStart(_ descriptor: Int32, atOrAfter offset: Int64) -> Int64 {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = pread(descriptor, &buffer, buffer.count, off_t(offset))
    guard count > 0, let end = buffer[..<count].firstIndex(of: 10) else { return offset }
    return offset + Int64(end) + 1
  }
}
