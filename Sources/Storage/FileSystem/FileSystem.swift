import Catalog
import Chunks
import Glibc
import Journal
import Linux
import Synchronization

/// A complete POSIX file system over chunks. All methods are synchronous and thread-safe.
///
/// Every change is checked and put into the journal before it is carried out in memory, so a killed
/// process loses nothing that was acknowledged. Every few seconds a checkpoint chunks what was
/// written and brings the changes into the catalog.
///
/// Methods that return the attributes of a *child* (lookup, make, makeUnnamed, link) count one
/// kernel reference to it; ``forget(_:count:)`` gives references back.
public final class FileSystem: Sendable {
  /// What may be set for one process.
  public struct Options: Sendable {
    /// Bytes of decompressed chunks to keep.
    public var cacheBytes = 256 << 20
    /// Weight of cached inodes to keep; an inode with a few extents or names weighs 1 and takes some 400 bytes.
    public var cachedInodes = 200_000
    /// Seconds after which a change is brought into the catalog.
    public var checkpointSeconds = 5.0
    /// A pack that has reached this length is full.
    public var packBytes: UInt64 = 64 << 20
    /// Bytes of the journal's segments, and after which a new staging segment is begun.
    public var segmentBytes: UInt64 = Journal.standardSegmentLength
    /// Whether the kernel goes on with the mount of an earlier process: it may still hold inodes
    /// without names.
    public var isTakeover = false
    /// Told what a program can't be told: the causes of EIO and the like.
    public var report: @Sendable (String) -> Void = { _ in }

    public init() {}
  }

  let disk: any Disk
  let superblock: Superblock
  let options: Options
  let catalog: Catalog
  let journal: Journal
  let chunkStore: ChunkStore
  let lock: Monitor<State>
  let checkpoints = Monitor(CheckpointState())
  let space: SpaceGuard
  /// Packs with lower numbers were in the catalog when this process began, or had gone from it.
  let knownPacks: UInt64
  let collection = Mutex(CollectionState())
  private let invalidation = Mutex<(@Sendable ([KernelInvalidation]) -> Void)?>(nil)
  private let threads = Mutex<[WorkerThread]>([])

  /// Opens the store on a disk, making it if the disk is empty, and brings back every operation that
  /// was acknowledged. `catalogDirectory` is the absolute path of the same directory, for SQLite.
  ///
  /// The caller makes sure that no other process has the store open, and calls ``close()`` in the end.
  public init(disk: any Disk, catalogDirectory: String, options: Options = Options()) throws {
    self.disk = disk
    self.options = options
    if disk.exists("superblock") {
      superblock = try Superblock.read(from: disk)
      try Self.refuseLostCatalog(disk)
    } else {
      superblock = try Superblock.create(on: disk)
    }
    Self.prefetchCatalog(disk)
    catalog = try Catalog(directory: catalogDirectory)
    let counters = try catalog.counters()
    let packs = try PackStore(
      disk: disk, storeID: superblock.storeID, nextPack: counters.nextPack, packBytes: options.packBytes)
    knownPacks = counters.nextPack
    chunkStore = try ChunkStore(
      packs: packs, catalog: catalog, parameters: superblock.parameters, nextChunk: counters.nextChunk,
      cacheBytes: options.cacheBytes, report: options.report)
    space = SpaceGuard(disk: disk)
    // Nobody else has a reference: the lock guards the state from here on.
    nonisolated(unsafe) let state = try Recovery.run(
      disk: disk, superblock: superblock, catalog: catalog, chunkStore: chunkStore, counters: counters,
      options: options)
    journal = state.journal
    lock = Monitor(state)
    lock.withLock { $0.onFirstChange = { [weak self] in self?.noteFirstChange() } }
    do {
      try makeSkeleton()
      discardIncompleteVolumes()
      try findOrphans()
    } catch let error as POSIXError {
      throw StoreError.damaged(
        path: Catalog.fileName,
        reason: "it can't be read to the end (errno \(error.code)); the cause is reported before this")
    }
    if !options.isTakeover { releaseOrphans() }
    let checkpointer = WorkerThread(name: "checkpoint") { self.checkpointLoop() }
    let collector = WorkerThread(name: "collector") { self.collectorLoop() }
    threads.withLock { $0 = [checkpointer, collector] }
  }

  /// Most programs look at much of a small store before long. Its catalog comes in one piece sooner than page
  /// by page: 5 MB for 10,000 files. Before SQLite opens it, because closing a file drops the locks that the
  /// process has on it.
  private static func prefetchCatalog(_ disk: any Disk) {
    // What can't be read will be told by SQLite.
    guard let file = try? disk.open(Catalog.fileName, create: false), let length = try? file.length() else { return }
    if length <= longestPrefetch { file.prefetch(offset: 0, length: length) }
  }

  private static let longestPrefetch: UInt64 = 64 << 20

  /// A new, empty catalog in the place of one that is lost would make garbage of every chunk.
  private static func refuseLostCatalog(_ disk: any Disk) throws {
    guard !disk.exists(Catalog.fileName), disk.exists("packs"), try !disk.list("packs").isEmpty else { return }
    throw StoreError.damaged(path: Catalog.fileName, reason: "it is missing, and there are packs")
  }

  /// Makes everything durable and stops the background threads. Nothing may be called afterwards.
  public func close() {
    let isFirst = checkpoints.withLock { state in
      defer { state.isStopping = true }
      return !state.isStopping
    }
    guard isFirst else { return }
    checkpoints.wakeAll()
    for thread in threads.withLock({ $0 }) { thread.join() }
    do {
      try checkpoint()
      try journal.sync()
      try chunkStore.packs.close()
      try catalog.checkpoint()
      try journal.close()
    } catch {
      // Nothing is lost: the next start replays the journal.
      options.report("closing the store: \(error)")
    }
  }

  /// Called, on a thread that holds no lock, after changes that did not come from the kernel, which are answered
  /// when it returns.
  public func onInvalidation(_ handler: @escaping @Sendable ([KernelInvalidation]) -> Void) {
    invalidation.withLock { $0 = handler }
  }

  /// Tells the kernel what was changed behind its back, by an earlier process too. To be called without the file
  /// system's lock, and while requests are answered.
  public func invalidateChanged() {
    // Held meanwhile: what another thread has taken to tell must be told, too, when this returns.
    invalidation.withLock { handler in
      let changes = lock.withLock { state in
        defer { state.invalidations = [] }
        return state.invalidations
      }
      if !changes.isEmpty { handler?(changes) }
    }
  }

  /// The store's identity, 16 bytes.
  public var storeID: [UInt8] { superblock.storeID }

  /// How content is cut: what a client needs to cut it the same way.
  public var chunkParameters: ChunkParameters { superblock.parameters }

  /// Runs `body` under the lock, and makes room in memory afterwards.
  @inline(__always)
  func withState<Result>(_ body: (State) throws(POSIXError) -> Result) throws(POSIXError) -> Result {
    try lock.withLock { (state) throws(POSIXError) in
      defer { state.evict(limit: options.cachedInodes) }
      return try body(state)
    }
  }

  // MARK: Reading attributes

  public func attributes(_ node: NodeID) throws(POSIXError) -> Attributes {
    try withState { (state) throws(POSIXError) in try state.node(node).stat }
  }

  public func readLink(_ node: NodeID) throws(POSIXError) -> [UInt8] {
    try withState { (state) throws(POSIXError) in
      let node = try state.node(node)
      guard node.type == FileType.symbolicLink else { throw POSIXError(EINVAL) }
      return node.row.target
    }
  }

  /// What `statfs` shows: the volume's quota where it has one, else the disk.
  public func space(_ node: NodeID) throws(POSIXError) -> SpaceInformation {
    let free = space.free
    return try withState { (state) throws(POSIXError) in
      let row = try state.volume(node.volume).row
      var result = SpaceInformation(
        totalBytes: row.usedBytes + free, freeBytes: free, totalInodes: 1 << 40, freeInodes: 1 << 40 - row.usedInodes)
      if row.quotaBytes > 0 {
        result.totalBytes = row.quotaBytes
        result.freeBytes = min(free, row.quotaBytes - min(row.quotaBytes, row.usedBytes))
      }
      if row.quotaInodes > 0 {
        result.totalInodes = row.quotaInodes
        result.freeInodes = row.quotaInodes - min(row.quotaInodes, row.usedInodes)
      }
      return result
    }
  }
}
