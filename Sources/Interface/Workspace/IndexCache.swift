import Chunks
import Glibc
import Linux

/// What is known from earlier uploads of one directory: the chunks of each file and the stamp it had
/// then, so that a file whose stamp is the same need not be read again.
///
/// It may be lost or damaged at any time: then files are read again. The format is this program's own
/// business: a magic number, the records, a CRC-32C of all of it.
public struct IndexCache: Sendable {
  private static let magic = Array("CAIRNIX1".utf8)
  /// A file that changed so short a time before it was read may change again without its times
  /// showing it, because the kernel's clock ticks every 4 ms, and some file systems' every 2 s.
  private static let settlingNanoseconds: Int64 = 2_000_000_000

  private var files: [[UInt8]: IndexedFile] = [:]

  public init() {}

  public func chunks(of path: [UInt8], stamp: FileStamp) -> [IndexedChunk]? {
    guard let file = files[path], file.stamp == stamp else { return nil }
    return file.chunks
  }

  /// Remembers files that were read at `now` (nanoseconds since 1970), and nothing else.
  public mutating func replace(with indexed: [IndexedFile], now: Int64) {
    files = [:]
    for file in indexed where max(file.stamp.changed, file.stamp.modified) + Self.settlingNanoseconds < now {
      files[file.path] = file
    }
  }

  public mutating func forget(_ path: [UInt8]) { files[path] = nil }

  /// The cache for the workspace in `directory`, below `$XDG_CACHE_HOME` or `~/.cache`; nil where
  /// there is no home.
  public static func location(for directory: String) -> String? {
    let base: String
    if let cache = getenv("XDG_CACHE_HOME"), cache.pointee != 0 {
      base = String(cString: cache)
    } else if let home = getenv("HOME"), home.pointee != 0 {
      base = String(cString: home) + "/.cache"
    } else {
      return nil
    }
    guard let resolved = realpath(directory, nil) else { return nil }
    defer { free(resolved) }
    let name = Digest(of: UnsafeRawBufferPointer(start: resolved, count: strlen(resolved))).hexadecimal
    return "\(base)/cairn/workspaces/\(name.prefix(32)).index"
  }

  /// Reads a cache; an empty one where there is none or it is not whole.
  public init(readFrom location: String) {
    guard let bytes = Self.read(location), bytes.count >= 12, bytes.starts(with: Self.magic) else { return }
    let body = bytes[..<(bytes.count - 4)]
    var tail = Reader(bytes: bytes[(bytes.count - 4)...])
    guard tail.number(UInt32.self) == body.withUnsafeBytes({ crc32c($0) }) else { return }
    var reader = Reader(bytes: body.dropFirst(8))
    while !reader.bytes.isEmpty {
      guard let file = Self.file(&reader) else {
        files = [:]
        return
      }
      files[file.path] = file
    }
  }

  /// Writes the cache in place of the one at `location`.
  public func write(to location: String) throws(SystemError) {
    var bytes = Self.magic
    for file in files.values {
      append(UInt32(file.path.count), to: &bytes)
      bytes += file.path
      append(file.stamp.device, to: &bytes)
      append(file.stamp.inode, to: &bytes)
      append(file.stamp.size, to: &bytes)
      append(file.stamp.modified, to: &bytes)
      append(file.stamp.changed, to: &bytes)
      append(UInt32(file.chunks.count), to: &bytes)
      for chunk in file.chunks {
        append(chunk.length, to: &bytes)
        withUnsafeBytes(of: chunk.digest.words) { bytes += $0 }
      }
    }
    append(bytes.withUnsafeBytes { crc32c($0) }, to: &bytes)
    try Self.replaceFile(location, with: bytes)
  }

  private func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
  }

  private static func file(_ reader: inout Reader) -> IndexedFile? {
    guard let length = reader.number(UInt32.self), let path = reader.take(Int(length)),
      let device = reader.number(UInt64.self), let inode = reader.number(UInt64.self),
      let size = reader.number(UInt64.self), let modified = reader.number(Int64.self),
      let changed = reader.number(Int64.self), let count = reader.number(UInt32.self)
    else { return nil }
    var chunks: [IndexedChunk] = []
    for _ in 0..<count {
      guard let length = reader.number(UInt32.self), let digest = reader.take(32) else { return nil }
      let words = digest.withUnsafeBytes { $0.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self) }
      chunks.append(IndexedChunk(digest: Digest(words: words), length: length))
    }
    let stamp = FileStamp(device: device, inode: inode, size: size, modified: modified, changed: changed)
    return IndexedFile(path: Array(path), stamp: stamp, chunks: chunks)
  }

  private struct Reader {
    var bytes: ArraySlice<UInt8>

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
      guard bytes.count >= count else { return nil }
      defer { bytes = bytes.dropFirst(count) }
      return bytes.prefix(count)
    }

    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
      guard let bytes = take(MemoryLayout<Number>.size) else { return nil }
      return Number(littleEndian: bytes.withUnsafeBytes { $0.loadUnaligned(as: Number.self) })
    }
  }

  private static func read(_ location: String) -> [UInt8]? {
    let descriptor = open(location, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { return nil }
    defer { close(descriptor) }
    var status = stat()
    if fstat(descriptor, &status) != 0 || !status.isRegular { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + done, $0.count - done) }
      if count <= 0 { return nil }
      done += count
    }
    return bytes
  }

  private static func replaceFile(_ location: String, with bytes: [UInt8]) throws(SystemError) {
    var end = location.startIndex
    while let slash = location[end...].dropFirst().firstIndex(of: "/") {
      let parent = String(location[..<slash])
      if mkdir(parent, 0o700) != 0 && errno != EEXIST { throw SystemError("mkdir", parent) }
      end = slash
    }
    let temporary = "\(location).\(getpid())"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    if descriptor < 0 { throw SystemError("open", temporary) }
    defer { close(descriptor) }
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
      if count < 0 {
        let error = SystemError("write", temporary)
        unlink(temporary)
        throw error
      }
      done += count
    }
    if rename(temporary, location) != 0 { throw SystemError("rename", temporary) }
  }
}
