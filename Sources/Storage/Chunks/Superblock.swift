import Linux

/// What never changes in a store, in 128 bytes: written once, when the store is made. The layout is
/// in docs/formats.md.
public struct Superblock: Sendable, Equatable {
  static let path = "superblock"
  static let length = 128
  /// The format that this program writes, and the newest that it reads.
  public static let currentVersion: UInt32 = 1
  private static let magic = Array("CAIRNSTO".utf8)
  private static let sha256: UInt32 = 1

  /// 16 random bytes that tell this store from all others.
  public var storeID: [UInt8]
  /// When it was made, in nanoseconds since 1970.
  public var created: Int64
  public var parameters: ChunkParameters
  /// Of the SipHash of directory names.
  public var nameHashKey: (UInt64, UInt64)

  public static func == (a: Superblock, b: Superblock) -> Bool {
    a.storeID == b.storeID && a.created == b.created && a.parameters == b.parameters && a.nameHashKey == b.nameHashKey
  }

  /// Makes a store on an empty disk: when it returns, the superblock survives a power cut.
  public static func create(
    on disk: any Disk, parameters: ChunkParameters = .standard
  ) throws(StoreError) -> Superblock {
    precondition(parameters.isValid, "chunk parameters out of range")
    let key = randomBytes(16)
    let superblock = Superblock(
      storeID: randomBytes(16), created: nanosecondsNow(), parameters: parameters,
      nameHashKey: key.withUnsafeBytes { ($0.loadLittleEndian(at: 0), $0.loadLittleEndian(at: 8)) })
    try superblock.write(to: disk)
    return superblock
  }

  private func write(to disk: any Disk) throws(StoreError) {
    if disk.exists(Self.path) { throw .storeExists }
    let temporary = Self.path + ".new"
    let bytes = encoded()
    do {
      let file = try disk.open(temporary, create: true)
      try file.write(bytes, at: 0)
      try file.truncate(to: UInt64(bytes.count))
      try file.sync()
      try disk.rename(temporary, Self.path)
      try disk.syncDirectory("")
    } catch {
      throw .disk(error)
    }
  }

  public static func read(from disk: any Disk) throws(StoreError) -> Superblock {
    if !disk.exists(path) { throw .noStore }
    let bytes: [UInt8]
    do {
      bytes = try disk.open(path, create: false).read(length, at: 0)
    } catch {
      throw .disk(error)
    }
    return try Superblock(bytes)
  }

  func encoded() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.length)
    bytes.withUnsafeMutableBytes { bytes in
      bytes.store(Self.magic, at: 0)
      bytes.storeLittleEndian(Self.currentVersion, at: 8)
      bytes.storeLittleEndian(Self.sha256, at: 12)
      bytes.store(storeID, at: 16)
      bytes.storeLittleEndian(created, at: 32)
      bytes.storeLittleEndian(UInt32(parameters.minimum), at: 40)
      bytes.storeLittleEndian(UInt32(parameters.average), at: 44)
      bytes.storeLittleEndian(UInt32(parameters.maximum), at: 48)
      bytes.storeLittleEndian(parameters.gearSeed, at: 56)
      bytes.storeLittleEndian(nameHashKey.0, at: 64)
      bytes.storeLittleEndian(nameHashKey.1, at: 72)
      bytes.storeLittleEndian(crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<124])), at: 124)
    }
    return bytes
  }

  init(storeID: [UInt8], created: Int64, parameters: ChunkParameters, nameHashKey: (UInt64, UInt64)) {
    self.storeID = storeID
    self.created = created
    self.parameters = parameters
    self.nameHashKey = nameHashKey
  }

  init(_ encoded: [UInt8]) throws(StoreError) {
    func damaged(_ reason: String) -> StoreError { .damaged(path: Self.path, reason: reason) }
    if encoded.count < 12 || !encoded.starts(with: Self.magic) { throw .notOurs(path: Self.path) }
    // The version comes before the checksum: a newer version may have it elsewhere.
    let version = encoded.withUnsafeBytes { $0.loadLittleEndian(UInt32.self, at: 8) }
    if version > Self.currentVersion {
      throw .newerFormat(path: Self.path, found: version, known: Self.currentVersion)
    }
    if encoded.count < Self.length { throw damaged("it has \(encoded.count) bytes instead of \(Self.length)") }
    let (checksum, expected, algorithm) = encoded.withUnsafeBytes {
      (
        crc32c(UnsafeRawBufferPointer(rebasing: $0[..<124])), $0.loadLittleEndian(UInt32.self, at: 124),
        $0.loadLittleEndian(UInt32.self, at: 12)
      )
    }
    if checksum != expected { throw damaged("its checksum is wrong") }
    if version != Self.currentVersion { throw damaged("there is no format version \(version)") }
    if algorithm != Self.sha256 { throw damaged("there is no hash algorithm \(algorithm)") }
    self = encoded.withUnsafeBytes { bytes in
      Superblock(
        storeID: Array(bytes[16..<32]), created: bytes.loadLittleEndian(at: 32),
        parameters: ChunkParameters(
          minimum: Int(bytes.loadLittleEndian(UInt32.self, at: 40)),
          average: Int(bytes.loadLittleEndian(UInt32.self, at: 44)),
          maximum: Int(bytes.loadLittleEndian(UInt32.self, at: 48)), gearSeed: bytes.loadLittleEndian(at: 56)),
        nameHashKey: (bytes.loadLittleEndian(at: 64), bytes.loadLittleEndian(at: 72)))
    }
    if !parameters.isValid { throw damaged("its chunk parameters are out of range") }
  }
}
