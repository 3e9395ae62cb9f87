/// `POST /v1/gc`: what a collection of garbage did.
public struct GarbageCollection: Codable, Equatable, Sendable {
  /// Packs whose files were removed, and their bytes.
  public var removedPacks: UInt64
  public var removedBytes: UInt64
  /// Packs whose chunks in use were copied to others, and the bytes copied.
  public var repackedPacks: UInt64
  public var copiedBytes: UInt64
  /// Chunks that nothing referred to.
  public var deletedChunks: UInt64
  /// Bytes of all packs afterwards, and those of them that are in use.
  public var packBytes: UInt64
  public var liveBytes: UInt64
  public var seconds: Double
  /// Why garbage stayed, a sentence each.
  public var notices: [String]

  public init(
    removedPacks: UInt64, removedBytes: UInt64, repackedPacks: UInt64, copiedBytes: UInt64, deletedChunks: UInt64,
    packBytes: UInt64, liveBytes: UInt64, seconds: Double, notices: [String]
  ) {
    self.removedPacks = removedPacks
    self.removedBytes = removedBytes
    self.repackedPacks = repackedPacks
    self.copiedBytes = copiedBytes
    self.deletedChunks = deletedChunks
    self.packBytes = packBytes
    self.liveBytes = liveBytes
    self.seconds = seconds
    self.notices = notices
  }
}

/// The body of `POST /v1/check`.
public struct CheckRequest: Codable, Equatable, Sendable {
  /// Whether to mend what can be derived.
  public var repair: Bool

  public init(repair: Bool) { self.repair = repair }
}

/// Something that a check found wrong.
public struct CheckFinding: Codable, Equatable, Sendable {
  /// A sentence without a full stop.
  public var sentence: String
  /// Files that it makes unreadable or unreliable, as they appear under the mount.
  public var paths: [String]

  public init(sentence: String, paths: [String]) {
    self.sentence = sentence
    self.paths = paths
  }
}

/// `POST /v1/check`: what a check of the store found.
public struct CheckResult: Codable, Equatable, Sendable {
  /// Empty: all is well, or was mended.
  public var findings: [CheckFinding]
  /// What was mended, a sentence each.
  public var repairs: [String]
  public var packs: UInt64
  public var chunks: UInt64
  /// Of the content of these chunks, all of which was read.
  public var bytes: UInt64
  public var damagedChunks: UInt64
  public var volumes: UInt64
  public var inodes: UInt64
  public var seconds: Double

  public init(
    findings: [CheckFinding], repairs: [String], packs: UInt64, chunks: UInt64, bytes: UInt64, damagedChunks: UInt64,
    volumes: UInt64, inodes: UInt64, seconds: Double
  ) {
    self.findings = findings
    self.repairs = repairs
    self.packs = packs
    self.chunks = chunks
    self.bytes = bytes
    self.damagedChunks = damagedChunks
    self.volumes = volumes
    self.inodes = inodes
    self.seconds = seconds
  }
}
