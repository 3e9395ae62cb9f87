import Linux

/// Walks through the records of a pack: to rebuild the catalog's table of chunks, to check a store,
/// and to seal a pack that a killed process left. Reads only.
public struct PackScanner: Sendable {
  /// A record that was found, or that the index says should be there.
  public struct Record: Sendable, Equatable {
    public var digest: Digest
    public var chunk: ChunkID
    public var location: ChunkLocation
    /// Nil for a good record; else what is wrong with it.
    public var damage: String?

    fileprivate init(_ entry: PackIndexEntry, in pack: UInt64, damage: String?) {
      digest = entry.digest
      chunk = entry.chunk
      location = entry.location(in: pack)
      self.damage = damage
    }

    var indexEntry: PackIndexEntry {
      PackIndexEntry(
        RecordHeader(
          codec: location.codec, storedLength: location.storedLength, length: location.length, digest: digest,
          chunk: chunk), offset: location.offset)
    }
  }

  public let pack: UInt64
  /// Bytes of the file.
  public let length: UInt64
  /// Whether the pack has a good index.
  public var isSealed: Bool { index != nil }
  /// Whether the file begins as this pack of this store should.
  public let hasGoodHeader: Bool
  /// In the order of the records; nil without a good index.
  let index: [PackIndexEntry]?
  private let file: any DiskFile
  private let checksumSeed: UInt32

  /// Opens a pack and reads its index. Throws for a pack of another store or of a newer format.
  public init(disk: any Disk, storeID: [UInt8], pack: UInt64) throws(StoreError) {
    let path = PackFormat.path(pack)
    let header: [UInt8]
    do {
      file = try disk.open(path, create: false)
      length = try file.length()
      header = try file.read(PackFormat.headerLength, at: 0)
      index = try Self.readIndex(file, length, storeID, pack)
    } catch {
      throw .disk(error)
    }
    switch PackFormat.check(header: header, storeID: storeID, pack: pack) {
    case .good: hasGoodHeader = true
    case .damaged: hasGoodHeader = false
    case .newer(let version): throw .newerFormat(path: path, found: version, known: PackFormat.version)
    case .foreign: throw .foreignPack(path: path)
    }
    self.pack = pack
    checksumSeed = RecordHeader.checksumSeed(storeID: storeID)
  }

  private static func readIndex(
    _ file: any DiskFile, _ length: UInt64, _ storeID: [UInt8], _ pack: UInt64
  ) throws(SystemError) -> [PackIndexEntry]? {
    guard length >= UInt64(PackFormat.headerLength + PackFormat.trailerLength) else { return nil }
    let last = try file.read(PackFormat.trailerLength, at: length - UInt64(PackFormat.trailerLength))
    guard let trailer = PackFormat.Trailer(last, packLength: length, storeID: storeID, pack: pack) else { return nil }
    let bytes = try file.read(trailer.count * PackIndexEntry.length, at: trailer.indexOffset)
    let entries = PackFormat.index(bytes, trailer)
    return entries?.sorted { $0.offset < $1.offset }
  }

  /// Calls `body` for each record, in the order of their places, until it returns false.
  ///
  /// Of a sealed pack without `payloads` only the index is read, and taken at its word. Otherwise every
  /// record is read and its content hashed, so that a record without damage is proven. A pack without
  /// an index is always read: its records are found by their magic, and since a user may have stored
  /// bytes that look like a record, only the hash tells.
  public func scan(payloads: Bool, _ body: (Record) -> Bool) throws(StoreError) {
    do {
      if let index {
        try walk(index, payloads: payloads, body)
      } else {
        try search(body)
      }
    } catch {
      throw .disk(error)
    }
  }

  private func walk(
    _ index: [PackIndexEntry], payloads: Bool, _ body: (Record) -> Bool
  ) throws(SystemError) {
    let window = FileWindow(file: file, length: length)
    for entry in index {
      var record = Record(entry, in: pack, damage: nil)
      if payloads {
        let expected = entry.header
        let bytes = try window.bytes(at: entry.offset, atLeast: expected.unpaddedLength)
        if RecordHeader(bytes) != expected {
          record.damage = "its header is not what the index says"
        } else {
          record.damage = damage(of: expected, in: bytes)
        }
      }
      if !body(record) { return }
    }
  }

  private func search(_ body: (Record) -> Bool) throws(SystemError) {
    let window = FileWindow(file: file, length: length)
    var at = UInt64(PackFormat.headerLength)
    while at + UInt64(RecordHeader.length) < length {
      var bytes = try window.bytes(at: at, atLeast: RecordHeader.length)
      guard let header = RecordHeader(bytes) else {
        at += UInt64(Self.bytesBeforeMagic(bytes))
        continue
      }
      bytes = try window.bytes(at: at, atLeast: header.unpaddedLength)
      let damage = damage(of: header, in: bytes)
      if !body(Record(PackIndexEntry(header, offset: at), in: pack, damage: damage)) { return }
      // The lengths of a damaged record can't be trusted: the next record may begin anywhere.
      at += damage == nil ? header.paddedLength : PackFormat.alignment
    }
  }

  /// How far to go on from the start of `bytes`, where no record is, to the next place that may be one.
  private static func bytesBeforeMagic(_ bytes: UnsafeRawBufferPointer) -> Int {
    let step = Int(PackFormat.alignment)
    var at = step
    while at + 4 <= bytes.count {
      if bytes.loadLittleEndian(UInt32.self, at: at) == RecordHeader.magic { return at }
      // A pack that was not sealed ends in tens of megabytes of preallocated zeros.
      at = max(at + step, bytes.firstNonZero(from: at) / step * step)
    }
    return at
  }

  private func damage(of header: RecordHeader, in record: UnsafeRawBufferPointer) -> String? {
    if record.count < header.unpaddedLength { return "the pack ends within it" }
    if !header.checksumHolds(record, checksumSeed: checksumSeed) { return "its checksum is wrong" }
    let content = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(header.length), alignment: 16)
    defer { content.deallocate() }
    let payload = UnsafeRawBufferPointer(rebasing: record[RecordHeader.length..<header.unpaddedLength])
    if !Compression.decode(payload, header.codec, length: content.count, into: content) {
      return "it does not decompress"
    }
    if Digest(of: UnsafeRawBufferPointer(content)) != header.digest { return "its content has another digest" }
    return nil
  }
}

/// A part of a file in memory that moves forward with its reader. Of one thread.
private final class FileWindow {
  private static let step = 1 << 20

  private let file: any DiskFile
  private let length: UInt64
  private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var start: UInt64 = 0
  private var filled = 0

  init(file: any DiskFile, length: UInt64) {
    self.file = file
    self.length = length
  }

  deinit { buffer.deallocate() }

  /// What the window holds from `offset` on: at least `count` bytes, unless the file ends before.
  /// Valid until the next call.
  func bytes(at offset: UInt64, atLeast count: Int) throws(SystemError) -> UnsafeRawBufferPointer {
    guard offset < length else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    let wanted = Int(min(UInt64(count), length - offset))
    if offset < start || offset + UInt64(wanted) > start + UInt64(filled) {
      let size = max(wanted, Self.step)
      if buffer.count < size {
        buffer.deallocate()
        buffer = .allocate(byteCount: size, alignment: 16)
      }
      filled = 0
      filled = try file.read(into: buffer, at: offset)
      start = offset
    }
    return UnsafeRawBufferPointer(rebasing: buffer[Int(offset - start)..<filled])
  }
}
