import Linux
import Synchronization

/// An open pack. Who holds one reads its chunks even after the pack was removed from the store.
/// Thread-safe.
public final class PackReader: Sendable {
  public let pack: UInt64
  private let file: any DiskFile
  private let checksumSeed: UInt32
  private let readAround: SharedReadAround

  init(pack: UInt64, file: any DiskFile, checksumSeed: UInt32, readAround: SharedReadAround) {
    self.pack = pack
    self.file = file
    self.checksumSeed = checksumSeed
    self.readAround = readAround
  }

  /// Reads the beginning of a chunk, or all of it, into `content`, which has at most `location.length`
  /// bytes. When it throws, `content` may hold anything.
  ///
  /// Each read, of raw payloads too, proves that the record's checksum holds and that it is the
  /// record of this chunk: CRC-32C finds what disks do to bytes, and the equality finds a wrong place.
  /// The full SHA-256 is for ``PackScanner``: docs/formats.md has the measurement.
  public func read(
    _ location: ChunkLocation, _ chunk: ChunkID, _ digest: Digest, into content: UnsafeMutableRawBufferPointer
  ) throws(ChunkError) {
    try withRecord(location, chunk, digest) { (record, header) throws(ChunkError) in
      try decode(record, header, location, into: content)
    }
  }

  /// Calls `body` with a chunk's record, header and payload, whose checksum holds, once its content
  /// was proven to have the digest: what reads in daily use leave to ``PackScanner``.
  func withVerifiedRecord<Result>(
    _ location: ChunkLocation, _ chunk: ChunkID, _ digest: Digest,
    _ body: (UnsafeRawBufferPointer, RecordHeader) throws(ChunkError) -> Result
  ) throws(ChunkError) -> Result {
    try withRecord(location, chunk, digest) { (record, header) throws(ChunkError) in
      let content = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(location.length), alignment: 16)
      defer { content.deallocate() }
      try decode(record, header, location, into: content)
      guard Digest(of: UnsafeRawBufferPointer(content)) == digest else {
        throw .damaged(pack: pack, offset: location.offset, reason: "its content has another digest")
      }
      return try body(record, header)
    }
  }

  /// Reads a chunk and hashes it, to prove that it is what was stored.
  public func verify(_ location: ChunkLocation, _ chunk: ChunkID, _ digest: Digest) throws(ChunkError) {
    try withVerifiedRecord(location, chunk, digest) { (_, _) in }
  }

  private func decode(
    _ record: UnsafeRawBufferPointer, _ header: RecordHeader, _ location: ChunkLocation,
    into content: UnsafeMutableRawBufferPointer
  ) throws(ChunkError) {
    let payload = UnsafeRawBufferPointer(rebasing: record[RecordHeader.length...])
    guard Compression.decode(payload, header.codec, length: Int(location.length), into: content) else {
      throw .damaged(pack: pack, offset: location.offset, reason: "it does not decompress")
    }
  }

  private func withRecord<Result>(
    _ location: ChunkLocation, _ chunk: ChunkID, _ digest: Digest,
    _ body: (UnsafeRawBufferPointer, RecordHeader) throws(ChunkError) -> Result
  ) throws(ChunkError) -> Result {
    precondition(location.pack == pack)
    func damaged(_ reason: String) -> ChunkError { .damaged(pack: pack, offset: location.offset, reason: reason) }
    let expected = RecordHeader(
      codec: location.codec, storedLength: location.storedLength, length: location.length, digest: digest,
      chunk: chunk)
    guard expected.isPossible else { throw damaged("the catalog gives it impossible lengths") }

    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: expected.unpaddedLength, alignment: 16)
    defer { buffer.deallocate() }
    var count = buffer.count
    let isCached = file.readCached(into: buffer, at: location.offset)
    if !isCached {
      do {
        count = try file.read(into: buffer, at: location.offset)
      } catch {
        throw .disk(error)
      }
    }
    let record = UnsafeRawBufferPointer(buffer)
    guard count == expected.unpaddedLength else { throw damaged("the pack ends within it") }
    guard let header = RecordHeader(record) else { throw damaged("there is no record") }
    guard header == expected else { throw damaged("it is the record of another chunk") }
    guard header.checksumHolds(record, checksumSeed: checksumSeed) else { throw damaged("its checksum is wrong") }
    // After the read, which would wait for it, and of places only that have proved to be such.
    let around = readAround.state.withLock {
      $0.noteRead(pack: pack, offset: location.offset, wasCached: isCached)
    }
    if let around { file.prefetch(offset: around.lowerBound, length: UInt64(around.count)) }
    return try body(record, header)
  }
}

/// One ``ReadAround`` for all packs of a store.
final class SharedReadAround: Sendable {
  let state = Mutex(ReadAround())
}

/// The packs of a store with their lengths, and readers of those used last.
struct PackTable {
  /// More open files than this are closed again, the one used longest ago first.
  static let openLimit = 256

  struct Entry {
    var bytes: UInt64
    var sealed: Bool
  }

  private(set) var entries: [UInt64: Entry] = [:]
  private var readers: [UInt64: (reader: PackReader, lastUse: UInt64)] = [:]
  private var clock: UInt64 = 0

  mutating func set(_ pack: UInt64, bytes: UInt64, sealed: Bool) {
    entries[pack] = Entry(bytes: bytes, sealed: sealed)
  }

  mutating func remove(_ pack: UInt64) {
    entries[pack] = nil
    readers[pack] = nil
  }

  mutating func reader(_ pack: UInt64) -> PackReader? {
    clock += 1
    readers[pack]?.lastUse = clock
    return readers[pack]?.reader
  }

  /// Keeps `reader`, unless its pack was removed meanwhile: then only its user holds it.
  mutating func keep(_ reader: PackReader) {
    guard entries[reader.pack] != nil else { return }
    clock += 1
    readers[reader.pack] = (reader, clock)
    if readers.count > Self.openLimit, let oldest = readers.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      readers[oldest.key] = nil
    }
  }
}
