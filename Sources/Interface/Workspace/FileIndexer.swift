import Chunks
import Glibc

/// Reads the files of a workspace: to cut them into chunks, and a second time to send some of these.
/// Names are relative to the workspace's directory. Blocks; call it from a thread of its own.
struct FileIndexer {
  /// How often a file that changes under the reader is begun again.
  private static let tries = 3
  private static let bufferSize = 4 << 20

  private let top: Int32

  init(directory: String) throws(WorkspaceError) {
    top = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if top < 0 {
      throw .unreadable(path: Array(directory.utf8), call: "open", reason: String(cString: strerror(errno)))
    }
  }

  func close() { Glibc.close(top) }

  /// Cuts a file into chunks. The stamp is the one that it had before and after it was read.
  func index(_ path: [UInt8]) throws(WorkspaceError) -> IndexedFile {
    for _ in 0..<Self.tries {
      let descriptor = try open(path)
      defer { Glibc.close(descriptor) }
      let before = try stamp(of: descriptor, path)
      let chunks = try cut(descriptor, size: before.size, path)
      let length = chunks.reduce(0) { $0 + UInt64($1.length) }
      if try stamp(of: descriptor, path) == before && length == before.size {
        return IndexedFile(path: path, stamp: before, chunks: chunks)
      }
    }
    throw .keepsChanging(path: path)
  }

  /// The content of a chunk, or nil if the file has changed since it was indexed.
  func content(of chunk: IndexedChunk, in path: [UInt8], at offset: UInt64) throws(WorkspaceError) -> [UInt8]? {
    let descriptor = try open(path)
    defer { Glibc.close(descriptor) }
    var content = [UInt8](repeating: 0, count: Int(chunk.length))
    var done = 0
    while done < content.count {
      let count = content.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress! + done, $0.count - done, off_t(offset) + off_t(done))
      }
      if count < 0 { throw failure("read", path) }
      if count == 0 { return nil }
      done += count
    }
    return content.withUnsafeBytes { Digest(of: $0) } == chunk.digest ? content : nil
  }

  private func cut(_ descriptor: Int32, size: UInt64, _ path: [UInt8]) throws(WorkspaceError) -> [IndexedChunk] {
    let parameters = ChunkParameters.standard
    let chunker = Chunker(parameters)
    var chunks: [IndexedChunk] = []
    // No larger than the file, whose end it has room to find: it is cleared, and most files are small. A file that
    // grows meanwhile comes out longer than its size, and is read again.
    var buffer = [UInt8](repeating: 0, count: Int(min(UInt64(Self.bufferSize), size + 1)))
    var start = 0
    var end = 0
    var isComplete = false
    // Where in the file the next chunk begins.
    var position: UInt64 = 0
    while true {
      // A cut depends on as much as a chunk may have; with less in the buffer it may come out wrong.
      while !isComplete && end - start < parameters.maximum {
        if start > 0 {
          buffer.withUnsafeMutableBytes { bytes in
            bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
          }
          end -= start
          start = 0
        }
        let count = buffer.withUnsafeMutableBytes {
          pread(descriptor, $0.baseAddress! + end, $0.count - end, off_t(position) + off_t(end - start))
        }
        if count < 0 { throw failure("read", path) }
        if count == 0 { isComplete = true }
        end += count
      }
      if start == end { return chunks }
      let chunk = buffer.withUnsafeBytes { bytes in
        let rest = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        let length = chunker.cut(rest)
        return IndexedChunk(
          digest: Digest(of: UnsafeRawBufferPointer(rebasing: rest[..<length])), length: UInt32(length))
      }
      chunks.append(chunk)
      start += Int(chunk.length)
      position += UInt64(chunk.length)
      if chunk != Self.zeroChunk { continue }
      // A hole is cut without being read: as long as a whole chunk's maximum lies in it, each cut is the same.
      let hole = holeEnd(descriptor, from: position, size: size)
      while position + UInt64(parameters.maximum) <= hole {
        chunks.append(Self.zeroChunk)
        position += UInt64(Self.zeroChunk.length)
        start = end
        isComplete = false
      }
    }
  }

  /// What is cut off the front of zeros that are at least as many as a chunk may have bytes.
  private static let zeroChunk: IndexedChunk = {
    let zeros = [UInt8](repeating: 0, count: ChunkParameters.standard.maximum)
    return zeros.withUnsafeBytes { bytes in
      let length = Chunker(.standard).cut(bytes)
      return IndexedChunk(
        digest: Digest(of: UnsafeRawBufferPointer(rebasing: bytes[..<length])), length: UInt32(length))
    }
  }()

  /// Where the hole at `position` ends; `position` where there is none, or the file system does not tell.
  private func holeEnd(_ descriptor: Int32, from position: UInt64, size: UInt64) -> UInt64 {
    let data = lseek(descriptor, off_t(position), seekData)
    if data >= 0 { return UInt64(data) }
    // There is no data up to the end.
    return errno == ENXIO ? max(size, position) : position
  }

  private func open(_ path: [UInt8]) throws(WorkspaceError) -> Int32 {
    // Without blocking, in case a FIFO has taken the file's place since the walk.
    let descriptor = withPath(path) { openat(top, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
    if descriptor < 0 { throw failure("open", path) }
    return descriptor
  }

  private func stamp(of descriptor: Int32, _ path: [UInt8]) throws(WorkspaceError) -> FileStamp {
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw failure("stat", path) }
    if !status.isRegular { throw .keepsChanging(path: path) }
    return FileStamp(status)
  }

  private func failure(_ call: String, _ path: [UInt8]) -> WorkspaceError {
    .unreadable(path: path, call: call, reason: String(cString: strerror(errno)))
  }
}

/// SEEK_DATA of lseek(2), which Glibc's module does not show; the value is the kernel's.
private let seekData: Int32 = 3
