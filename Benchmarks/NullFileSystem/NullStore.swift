import Chunks
import Glibc
import Linux
import Synchronization

/// What a store of Cairn's kind can't do without, and no more: what is written goes to a log that was written before, with a
/// checksum computed over it, and a sync waits for the disk; what is read are records of compressed chunks, brought from a
/// file, their checksums computed, and decompressed. It keeps no content: records that were made at the start stand for
/// whatever files hold. There is no catalog, and nobody chunks what was written meanwhile.
///
/// With the null file system's names and requests around it, it is the floor of what Cairn can reach. Thread-safe.
final class NullStore: Sendable {
  private static let logBytes: UInt64 = 640 << 20
  private static let page = 4096
  /// As Cairn's journal does, so that the last sync has less to wait for.
  private static let earlyWrite: UInt64 = 8 << 20
  /// Brought around a small record that is not in memory: what was stored together is read together.
  private static let window: UInt64 = 1 << 20

  private struct Pack {
    var file: any DiskFile
    var contentBytes: Int
    var records: [(offset: UInt64, length: Int)] = []
  }

  private let log: any DiskFile
  private let end = Mutex<UInt64>(0)
  /// Of a large file's chunks.
  private let chunks: Pack
  /// Of small files, each a chunk.
  private let small: Pack

  /// Writes the log and the records, some 900 MiB.
  /// - Parameter directory: an existing one.
  init(directory: String) throws(SystemError) {
    let disk = LocalDisk(root: directory)
    log = try disk.open("log", create: true)
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: Self.page)
    defer { piece.deallocate() }
    memset(piece.baseAddress!, 1, piece.count)
    for offset in stride(from: 0, to: Self.logBytes, by: piece.count) {
      try log.write(UnsafeRawBufferPointer(piece), at: offset)
    }
    try log.sync()
    chunks = try Self.makePack(disk.open("chunks", create: true), contentBytes: 64 << 10, count: 8_192)
    small = try Self.makePack(disk.open("small", create: true), contentBytes: 10 << 10, count: 10_000)
  }

  private static func makePack(_ file: any DiskFile, contentBytes: Int, count: Int) throws(SystemError) -> Pack {
    var pack = Pack(file: file, contentBytes: contentBytes)
    let content = UnsafeMutableRawBufferPointer.allocate(byteCount: contentBytes, alignment: 16)
    let payload = UnsafeMutableRawBufferPointer.allocate(byteCount: contentBytes, alignment: 16)
    defer {
      content.deallocate()
      payload.deallocate()
    }
    // Half of it compresses, as cairn-bench's own content.
    for index in content.indices { content[index] = index % 512 < 256 ? .random(in: 0...255) : UInt8(index % 45) }
    let (codec, length) = Compression.encode(UnsafeRawBufferPointer(content), into: payload)
    precondition(codec == .lz4, "half of the content repeats")
    for index in 0..<count {
      let offset = UInt64(index * length)
      try file.write(UnsafeRawBufferPointer(rebasing: payload[..<length]), at: offset)
      pack.records.append((offset, length))
    }
    try file.sync()
    return pack
  }

  /// Writes bytes to the log's end, which goes around.
  /// - Parameter bytes: from a buffer that has another page behind them: whole pages are written.
  func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    _ = crc32c(bytes)
    let length = UInt64((bytes.count + Self.page - 1) / Self.page * Self.page)
    let offset = end.withLock { end in
      if end + length > Self.logBytes { end = 0 }
      defer { end += length }
      return end
    }
    try log.write(UnsafeRawBufferPointer(start: bytes.baseAddress, count: Int(length)), at: offset)
    let first = offset / Self.earlyWrite * Self.earlyWrite
    let last = (offset + length) / Self.earlyWrite * Self.earlyWrite
    if last > first { log.startWriting(offset: first, length: last - first) }
  }

  func sync() throws(SystemError) { try log.sync() }

  /// Fills `buffer` as with the bytes from `offset` on of the file that was made as the `number`th.
  func read(file number: Int, offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) {
    if Int(offset) + buffer.count <= small.contentBytes {
      return try read(small, number, from: Int(offset), into: buffer, bringingWindow: true)
    }
    var done = 0
    while done < buffer.count {
      let (index, start) = (Int(offset) + done).quotientAndRemainder(dividingBy: chunks.contentBytes)
      let count = min(chunks.contentBytes - start, buffer.count - done)
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + count])
      try read(chunks, index, from: start, into: part, bringingWindow: false)
      done += count
    }
  }

  private func read(
    _ pack: Pack, _ number: Int, from start: Int, into buffer: UnsafeMutableRawBufferPointer, bringingWindow: Bool
  ) throws(SystemError) {
    let record = pack.records[number % pack.records.count]
    let payload = UnsafeMutableRawBufferPointer.allocate(byteCount: record.length, alignment: 16)
    defer { payload.deallocate() }
    if !pack.file.readCached(into: payload, at: record.offset) {
      _ = try pack.file.read(into: payload, at: record.offset)
      if bringingWindow {
        pack.file.prefetch(offset: record.offset / Self.window * Self.window, length: Self.window)
      }
    }
    _ = crc32c(UnsafeRawBufferPointer(payload))
    func decode(into content: UnsafeMutableRawBufferPointer) throws(SystemError) {
      guard
        Compression.decode(UnsafeRawBufferPointer(payload), .lz4, length: pack.contentBytes, into: content)
      else { throw SystemError("decompress", "a record", EIO) }
    }
    if start == 0 { return try decode(into: buffer) }
    // A chunk is decompressed from its beginning.
    let content = UnsafeMutableRawBufferPointer.allocate(byteCount: start + buffer.count, alignment: 16)
    defer { content.deallocate() }
    try decode(into: content)
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: content[start...]))
  }
}
