import Linux

/// The bytes of a pack, as docs/formats.md lays them out. Nothing here touches a disk.
enum PackFormat {
  static let version: UInt32 = 1
  static let headerLength = 64
  static let trailerLength = 64
  /// Records begin at multiples of this.
  static let alignment: UInt64 = 8
  static let directory = "packs"
  private static let headerMagic = Array("CAIRNPAK".utf8)
  private static let trailerMagic = Array("CAIRNEND".utf8)

  static func path(_ pack: UInt64) -> String {
    let digits = String(pack, radix: 16)
    return "\(directory)/\(String(repeating: "0", count: 16 - digits.count))\(digits).pack"
  }

  /// The number in a file's name; nil for other files.
  static func number(ofFile name: String) -> UInt64? {
    guard name.utf8.count == 21, let number = UInt64(name.prefix(16), radix: 16) else { return nil }
    return path(number) == "\(directory)/\(name)" ? number : nil
  }

  static func header(storeID: [UInt8], pack: UInt64) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: headerLength)
    bytes.withUnsafeMutableBytes { bytes in
      bytes.store(headerMagic, at: 0)
      bytes.storeLittleEndian(version, at: 8)
      bytes.store(storeID, at: 16)
      bytes.storeLittleEndian(pack, at: 32)
      bytes.storeLittleEndian(crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<60])), at: 60)
    }
    return bytes
  }

  enum HeaderState: Equatable {
    case good
    case damaged
    case newer(UInt32)
    case foreign
  }

  static func check(header bytes: [UInt8], storeID: [UInt8], pack: UInt64) -> HeaderState {
    guard bytes.count == headerLength, bytes.starts(with: headerMagic) else { return .damaged }
    return bytes.withUnsafeBytes { bytes in
      let found = bytes.loadLittleEndian(UInt32.self, at: 8)
      let whole = crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<60])) == bytes.loadLittleEndian(UInt32.self, at: 60)
      guard whole else { return .damaged }
      if found > version { return .newer(found) }
      if !bytes[16..<32].elementsEqual(storeID) { return .foreign }
      return bytes.loadLittleEndian(UInt64.self, at: 32) == pack ? .good : .foreign
    }
  }

  /// The index and the trailer that seal a pack whose records end at `end`.
  static func footer(storeID: [UInt8], pack: UInt64, end: UInt64, entries: [PackIndexEntry]) -> [UInt8] {
    let sorted = entries.sorted { ($0.digest, $0.offset) < ($1.digest, $1.offset) }
    let indexLength = sorted.count * PackIndexEntry.length
    var bytes = [UInt8](repeating: 0, count: indexLength + trailerLength)
    bytes.withUnsafeMutableBytes { bytes in
      for (index, entry) in sorted.enumerated() {
        let start = index * PackIndexEntry.length
        entry.encode(into: UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + PackIndexEntry.length]))
      }
      let indexChecksum = crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<indexLength]))
      let trailer = UnsafeMutableRawBufferPointer(rebasing: bytes[indexLength...])
      trailer.store(trailerMagic, at: 0)
      trailer.storeLittleEndian(version, at: 8)
      trailer.storeLittleEndian(indexChecksum, at: 12)
      // The store's ID is secret to the users of the file system: content of theirs that happens to
      // end a file can't pass for a trailer.
      trailer.store(storeID, at: 16)
      trailer.storeLittleEndian(pack, at: 32)
      trailer.storeLittleEndian(end, at: 40)
      trailer.storeLittleEndian(UInt32(sorted.count), at: 48)
      trailer.storeLittleEndian(crc32c(UnsafeRawBufferPointer(rebasing: trailer[..<60])), at: 60)
    }
    return bytes
  }

  /// The entries of an index; nil when it is damaged.
  static func index(_ bytes: [UInt8], _ trailer: Trailer) -> [PackIndexEntry]? {
    bytes.withUnsafeBytes { bytes in
      guard bytes.count == trailer.count * PackIndexEntry.length, crc32c(bytes) == trailer.indexChecksum else {
        return nil
      }
      var entries: [PackIndexEntry] = []
      entries.reserveCapacity(trailer.count)
      for start in stride(from: 0, to: bytes.count, by: PackIndexEntry.length) {
        let entry = PackIndexEntry(UnsafeRawBufferPointer(rebasing: bytes[start..<start + PackIndexEntry.length]))
        guard let entry else { return nil }
        entries.append(entry)
      }
      return entries
    }
  }

  /// What a trailer says, when it is one of this store's and this pack's.
  struct Trailer: Equatable {
    var indexChecksum: UInt32
    /// Where the records end and the index begins.
    var indexOffset: UInt64
    var count: Int

    /// `bytes` are the last of a pack of `packLength` bytes. Nil when the pack is not sealed, or damaged.
    init?(_ bytes: [UInt8], packLength: UInt64, storeID: [UInt8], pack: UInt64) {
      guard bytes.count == PackFormat.trailerLength, bytes.starts(with: trailerMagic) else { return nil }
      let fields = bytes.withUnsafeBytes { bytes -> Trailer? in
        guard crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<60])) == bytes.loadLittleEndian(UInt32.self, at: 60),
          bytes.loadLittleEndian(UInt32.self, at: 8) == PackFormat.version, bytes[16..<32].elementsEqual(storeID),
          bytes.loadLittleEndian(UInt64.self, at: 32) == pack
        else { return nil }
        return Trailer(
          indexChecksum: bytes.loadLittleEndian(at: 12), indexOffset: bytes.loadLittleEndian(at: 40),
          count: Int(bytes.loadLittleEndian(UInt32.self, at: 48)))
      }
      guard let fields else { return nil }
      self = fields
      let footerLength = UInt64(count * PackIndexEntry.length + PackFormat.trailerLength)
      guard indexOffset >= UInt64(PackFormat.headerLength), indexOffset <= packLength,
        packLength - indexOffset == footerLength
      else { return nil }
    }

    private init(indexChecksum: UInt32, indexOffset: UInt64, count: Int) {
      self.indexChecksum = indexChecksum
      self.indexOffset = indexOffset
      self.count = count
    }
  }
}

/// A record's place in its pack, as the index of a sealed pack has it.
struct PackIndexEntry: Equatable {
  static let length = 64

  var digest: Digest
  var chunk: ChunkID
  var offset: UInt64
  var storedLength: UInt32
  var length: UInt32
  var codec: Codec

  init(_ header: RecordHeader, offset: UInt64) {
    digest = header.digest
    chunk = header.chunk
    self.offset = offset
    storedLength = header.storedLength
    length = header.length
    codec = header.codec
  }

  /// Nil for what can't be.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard let codec = Codec(rawValue: bytes[56]) else { return nil }
    let header = RecordHeader(
      codec: codec, storedLength: bytes.loadLittleEndian(at: 48), length: bytes.loadLittleEndian(at: 52),
      digest: Digest(bytes: bytes), chunk: bytes.loadLittleEndian(at: 40))
    guard header.isPossible else { return nil }
    self.init(header, offset: bytes.loadLittleEndian(at: 32))
  }

  func encode(into bytes: UnsafeMutableRawBufferPointer) {
    digest.withBytes { bytes.store($0, at: 0) }
    bytes.storeLittleEndian(offset, at: 32)
    bytes.storeLittleEndian(chunk, at: 40)
    bytes.storeLittleEndian(storedLength, at: 48)
    bytes.storeLittleEndian(length, at: 52)
    bytes[56] = codec.rawValue
  }

  /// What the record begins with, if it is whole.
  var header: RecordHeader {
    RecordHeader(codec: codec, storedLength: storedLength, length: length, digest: digest, chunk: chunk)
  }

  func location(in pack: UInt64) -> ChunkLocation {
    ChunkLocation(pack: pack, offset: offset, storedLength: storedLength, length: length, codec: codec)
  }
}

/// What stands before a chunk's payload in a pack.
struct RecordHeader: Equatable {
  static let length = 60
  static let magic: UInt32 = 0x4345_5243  // "CREC"
  private static let version: UInt8 = 1
  private static let checksumOffset = 56

  var codec: Codec
  var storedLength: UInt32
  var length: UInt32
  var digest: Digest
  var chunk: ChunkID

  init(codec: Codec, storedLength: UInt32, length: UInt32, digest: Digest, chunk: ChunkID) {
    self.codec = codec
    self.storedLength = storedLength
    self.length = length
    self.digest = digest
    self.chunk = chunk
  }

  /// The header at the start of `bytes`, as yet without its checksum tried. Nil for what can't be one.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= Self.length, bytes.loadLittleEndian(UInt32.self, at: 0) == Self.magic,
      bytes[4] == Self.version, let codec = Codec(rawValue: bytes[5]),
      bytes.loadLittleEndian(UInt16.self, at: 6) == 0
    else { return nil }
    self.init(
      codec: codec, storedLength: bytes.loadLittleEndian(at: 8), length: bytes.loadLittleEndian(at: 12),
      digest: Digest(bytes: UnsafeRawBufferPointer(rebasing: bytes[16...])), chunk: bytes.loadLittleEndian(at: 48))
    guard isPossible else { return nil }
  }

  var isPossible: Bool {
    guard length >= 1, length <= ChunkParameters.largestMaximum, storedLength >= 1 else { return false }
    return switch codec {
    case .raw: storedLength == length
    case .lz4: storedLength < length
    }
  }

  /// Bytes of header and payload, without the padding.
  var unpaddedLength: Int { Self.length + Int(storedLength) }

  /// Bytes that the whole record takes in a pack.
  var paddedLength: UInt64 { Self.paddedLength(storedLength: storedLength) }

  static func paddedLength(storedLength: UInt32) -> UInt64 {
    (UInt64(length) + UInt64(storedLength) + PackFormat.alignment - 1) & ~(PackFormat.alignment - 1)
  }

  /// What the checksums of a store's records begin with. The store's ID is secret to the users of the
  /// file system: a record that one of them made up, as the content of a file, fails its checksum, so
  /// it can't claim the number of another chunk.
  static func checksumSeed(storeID: [UInt8]) -> UInt32 { storeID.withUnsafeBytes { crc32c($0) } }

  /// Completes `record`, in which the payload lies already: writes the header before and zeros after it.
  func encode(into record: UnsafeMutableRawBufferPointer, checksumSeed: UInt32) {
    record.storeLittleEndian(Self.magic, at: 0)
    record[4] = Self.version
    record[5] = codec.rawValue
    record.storeLittleEndian(UInt16(0), at: 6)
    record.storeLittleEndian(storedLength, at: 8)
    record.storeLittleEndian(length, at: 12)
    digest.withBytes { record.store($0, at: 16) }
    record.storeLittleEndian(chunk, at: 48)
    let checksum = checksum(UnsafeRawBufferPointer(record), checksumSeed)
    record.storeLittleEndian(checksum, at: Self.checksumOffset)
    for index in unpaddedLength..<Int(paddedLength) { record[index] = 0 }
  }

  /// Whether header and payload, which `record` begins with, are as they were written.
  func checksumHolds(_ record: UnsafeRawBufferPointer, checksumSeed: UInt32) -> Bool {
    record.count >= unpaddedLength
      && record.loadLittleEndian(UInt32.self, at: Self.checksumOffset) == checksum(record, checksumSeed)
  }

  /// Of the header up to the checksum itself, and then of the payload.
  private func checksum(_ record: UnsafeRawBufferPointer, _ seed: UInt32) -> UInt32 {
    let header = crc32c(UnsafeRawBufferPointer(rebasing: record[..<Self.checksumOffset]), seed: seed)
    return crc32c(UnsafeRawBufferPointer(rebasing: record[Self.length..<unpaddedLength]), seed: header)
  }
}
