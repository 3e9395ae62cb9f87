import CLZ4
import Glibc
import Linux

/// A log that nobody writes to any more, compressed: LZ4 frames of 256 KiB of the log each, and a skippable frame with an
/// index of them, so that the end can be read without the beginning. `lz4 -dc` prints it.
///
/// The index has, in little-endian order: for each frame its offset in the log and in the file (8 bytes each); then
/// the log's size (8 bytes), the number of frames (4), and `CLOG`. Source of the frames: lz4_Frame_format.md 1.6.2.
struct LogArchive {
  struct Damage: Error, CustomStringConvertible {
    let path: String

    var description: String { "the log \(path) is damaged: its index or a part of it can't be read" }
  }

  private struct Block {
    var logOffset: Int64
    var fileOffset: Int64
  }

  private static let skippableMagic: UInt32 = 0x184D_2A5E
  private static let endMark: [UInt8] = Array("CLOG".utf8)
  /// 2^40 bytes of a log.
  private static let mostBlocks = 1 << 22

  private let descriptor: Int32
  private let path: String
  private let blocks: [Block]
  private let indexOffset: Int64
  let size: Int64

  static func path(of log: String) -> String { log + ".lz4" }

  /// Reads the index. The descriptor stays the caller's, and open as long as this is used.
  init(_ descriptor: Int32, _ path: String) throws {
    self.descriptor = descriptor
    self.path = path
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemError("stat", path) }
    let end = try Self.read(descriptor, path, at: Int64(status.st_size) - 16, count: 16)
    let count = Int(Self.number(end[8..<12]))
    let indexSize = 16 * count + 16
    guard Array(end[12...]) == Self.endMark, count <= Self.mostBlocks, indexSize + 8 <= Int(status.st_size) else {
      throw Damage(path: path)
    }
    size = Self.number(end[0..<8])
    indexOffset = Int64(status.st_size) - Int64(indexSize) - 8
    let index = try Self.read(descriptor, path, at: indexOffset + 8, count: 16 * count)
    blocks = (0..<count).map { number in
      Block(
        logOffset: Self.number(index[(16 * number)..<(16 * number + 8)]),
        fileOffset: Self.number(index[(16 * number + 8)..<(16 * number + 16)]))
    }
    var last = Block(logOffset: -1, fileOffset: -1)
    for block in blocks {
      guard block.logOffset > last.logOffset, block.fileOffset > last.fileOffset, block.logOffset < size,
        block.fileOffset < indexOffset
      else { throw Damage(path: path) }
      last = block
    }
  }

  /// The bytes from an offset to the end of its block, or of the next one; nil: that is the end.
  func read(at offset: Int64) throws -> (start: Int64, bytes: [UInt8])? {
    guard offset < size else { return nil }
    var (low, high) = (0, blocks.count)
    while low < high {
      let middle = (low + high) / 2
      if blocks[middle].logOffset <= offset { low = middle + 1 } else { high = middle }
    }
    if low > 0 {
      let bytes = try decompress(low - 1)
      let skipped = Int(offset - blocks[low - 1].logOffset)
      if skipped < bytes.count { return (offset, Array(bytes[skipped...])) }
    }
    guard low < blocks.count else { return nil }
    return (blocks[low].logOffset, try decompress(low))
  }

  private func decompress(_ number: Int) throws -> [UInt8] {
    let start = blocks[number].fileOffset
    let end = number + 1 < blocks.count ? blocks[number + 1].fileOffset : indexOffset
    guard end - start <= 2 * Int64(LogBytes.pieceSize) else { throw Damage(path: path) }
    let frame = try Self.read(descriptor, path, at: start, count: Int(end - start))
    var context: OpaquePointer?
    guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0 else {
      throw Damage(path: path)
    }
    defer { LZ4F_freeDecompressionContext(context) }
    var output = [UInt8](repeating: 0, count: LogBytes.pieceSize)
    var (inputDone, outputDone) = (0, 0)
    while true {
      var (inputCount, outputCount) = (frame.count - inputDone, output.count - outputDone)
      let hint = frame.withUnsafeBytes { input in
        output.withUnsafeMutableBytes { output in
          LZ4F_decompress(
            context, output.baseAddress.map { $0 + outputDone }, &outputCount,
            input.baseAddress.map { $0 + inputDone }, &inputCount, nil)
        }
      }
      guard LZ4F_isError(hint) == 0 else { throw Damage(path: path) }
      (inputDone, outputDone) = (inputDone + inputCount, outputDone + outputCount)
      if hint == 0 { break }
      guard inputCount > 0 || outputCount > 0 else { throw Damage(path: path) }
    }
    output.removeLast(output.count - outputDone)
    return output
  }

  // MARK: Making

  /// Compresses a log in the place of the one that is not; does nothing where that is not there. May be repeated.
  /// - Parameter traces: texts that are written over with stars.
  static func compress(_ log: String, hiding traces: [[UInt8]]) throws {
    guard let source = try LogBytes(path: log), access(log, F_OK) == 0 else { return }
    let temporary = path(of: log) + ".new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemError("open", temporary) }
    defer { close(descriptor) }
    var index: [UInt8] = []
    var (position, fileOffset) = (Int64(0), Int64(0))
    var mask = LogMask(traces)
    var pending: [(start: Int64, bytes: [UInt8])] = []
    func write(_ bytes: [UInt8]) throws {
      try writeAll(bytes, to: descriptor, temporary)
      fileOffset += Int64(bytes.count)
    }
    func flush() throws {
      for piece in pending {
        index += little(UInt64(piece.start), 8) + little(UInt64(fileOffset), 8)
        try write(try frame(of: piece.bytes, temporary))
      }
      pending = []
    }
    while let piece = try source.read(at: position) {
      position = piece.start + Int64(piece.bytes.count)
      pending.append(piece)
      // A line that is written in pieces may have a secret across them, so it is looked at as a whole.
      if mask.isEmpty || pending.count >= 16 && mask.hide(in: &pending, isLast: false) { try flush() }
    }
    if !mask.isEmpty { _ = mask.hide(in: &pending, isLast: true) }
    try flush()
    let count = index.count / 16
    index += little(UInt64(try source.size()), 8) + little(UInt64(count), 4) + endMark
    try write(little(UInt64(skippableMagic), 4) + little(UInt64(index.count), 4) + index)
    guard fsync(descriptor) == 0, rename(temporary, path(of: log)) == 0 else { throw SystemError("rename", temporary) }
    guard unlink(log) == 0 else { throw SystemError("unlink", log) }
  }

  private static func frame(of bytes: [UInt8], _ path: String) throws -> [UInt8] {
    var output = [UInt8](repeating: 0, count: LZ4F_compressFrameBound(bytes.count, nil))
    let count = LZ4F_compressFrame(&output, output.count, bytes, bytes.count, nil)
    guard LZ4F_isError(count) == 0 else { throw SystemError("compress", path, EINVAL) }
    output.removeLast(output.count - count)
    return output
  }

  private static func writeAll(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { throw SystemError("write", path) }
      rest = rest.dropFirst(count)
    }
  }

  private static func read(_ descriptor: Int32, _ path: String, at offset: Int64, count: Int) throws -> [UInt8] {
    guard offset >= 0 else { throw Damage(path: path) }
    var bytes = [UInt8](repeating: 0, count: count)
    let done = pread(descriptor, &bytes, count, off_t(offset))
    guard done >= 0 else { throw SystemError("read", path) }
    guard done == count else { throw Damage(path: path) }
    return bytes
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int64 {
    Int64(truncatingIfNeeded: bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }

  private static func little(_ number: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
  }
}
