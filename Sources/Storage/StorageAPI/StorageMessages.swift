/// `GET /v1/info`.
public struct StorageInformation: Codable, Equatable, Sendable {
  public var version: String
  public var pid: Int32
  /// The directory that holds the store.
  public var storageDirectory: String
  /// Where it is mounted.
  public var mount: String
  /// Where the persistent volume is bound; nil: nowhere else.
  public var persistentMount: String?
  public var uptimeSeconds: UInt64

  public init(
    version: String, pid: Int32, storageDirectory: String, mount: String, persistentMount: String?,
    uptimeSeconds: UInt64
  ) {
    self.version = version
    self.pid = pid
    self.storageDirectory = storageDirectory
    self.mount = mount
    self.persistentMount = persistentMount
    self.uptimeSeconds = uptimeSeconds
  }
}

/// `GET /v1/usage`: what the store holds, and what deduplication and compression save.
public struct Usage: Codable, Equatable, Sendable {
  /// Bytes in files of all volumes, holes left out.
  public var logicalBytes: UInt64
  /// Bytes of distinct chunks that files refer to.
  public var uniqueBytes: UInt64
  /// Bytes that these take, compressed.
  public var storedBytes: UInt64
  /// Bytes of all packs, garbage and headers included.
  public var packBytes: UInt64
  public var chunks: UInt64
  public var inodes: UInt64
  public var volumes: UInt64
  /// Bytes that are written but not chunked yet.
  public var stagedBytes: UInt64
  /// Bytes that the disk below could still take.
  public var freeBytes: UInt64

  public init(
    logicalBytes: UInt64, uniqueBytes: UInt64, storedBytes: UInt64, packBytes: UInt64, chunks: UInt64, inodes: UInt64,
    volumes: UInt64, stagedBytes: UInt64, freeBytes: UInt64
  ) {
    self.logicalBytes = logicalBytes
    self.uniqueBytes = uniqueBytes
    self.storedBytes = storedBytes
    self.packBytes = packBytes
    self.chunks = chunks
    self.inodes = inodes
    self.volumes = volumes
    self.stagedBytes = stagedBytes
    self.freeBytes = freeBytes
  }
}

/// `GET /v1/stats`: what the daemon has done since it started, and what it takes.
public struct StorageStatistics: Codable, Equatable, Sendable {
  public var uptimeSeconds: UInt64
  /// Memory that the daemon holds.
  public var residentBytes: UInt64
  public var threads: UInt64
  /// Processor time of all its threads.
  public var cpuSeconds: Double
  /// Chunks that came through the admin API, and their bytes.
  public var ingestedChunks: UInt64
  public var ingestedBytes: UInt64
  /// Trees that were made of them.
  public var ingestedTrees: UInt64
  /// Chunks that were found damaged or missing: `POST /v1/check` names their files.
  public var quarantinedChunks: UInt64
  /// Requests of the kernel, by its names for them, such as `LOOKUP`.
  public var kernelRequests: [String: UInt64]

  public init(
    uptimeSeconds: UInt64, residentBytes: UInt64, threads: UInt64, cpuSeconds: Double, ingestedChunks: UInt64,
    ingestedBytes: UInt64, ingestedTrees: UInt64, quarantinedChunks: UInt64, kernelRequests: [String: UInt64]
  ) {
    self.uptimeSeconds = uptimeSeconds
    self.residentBytes = residentBytes
    self.threads = threads
    self.cpuSeconds = cpuSeconds
    self.ingestedChunks = ingestedChunks
    self.ingestedBytes = ingestedBytes
    self.ingestedTrees = ingestedTrees
    self.quarantinedChunks = quarantinedChunks
    self.kernelRequests = kernelRequests
  }
}
