import Catalog
import Glibc
import Journal
import Linux

/// What the checkpoint thread and those who wait for it share.
struct CheckpointState {
  var isStopping = false
  /// A checkpoint is being taken.
  var isRunning = false
  /// Somebody waits for room.
  var isUrgent = false
  /// Something may have changed since the last checkpoint began. Set under the file system's lock.
  var hasChanges = true
  /// Writers are to wait: too much is staged.
  var isFull = false
  /// A checkpoint that is being written, or could not be.
  var unsettled: Checkpoint?
}

extension FileSystem {
  /// Staged bytes, in staging segments and the journal, at which a checkpoint begins, and at which
  /// writers wait for its end.
  private static let stagedTarget: UInt64 = 512 << 20
  private static let stagedLimit: UInt64 = 2 << 30
  /// Seconds without a change after which the space of spare staging segments, up to 512 MiB, is given back. Not
  /// sooner: the first large write after a pause goes half as fast again with them (at 30 s, 512 MiB came in at 0.32 of
  /// ext4's rate, and at 0.53 with spares).
  private static let spareSeconds = 600.0
  /// Changed inodes at which a checkpoint begins: freezing that many takes some 20 ms under the lock.
  private static let dirtyTarget = 50_000

  /// Takes checkpoints until the file system is closed. Where nothing changes the thread sleeps.
  func checkpointLoop() {
    while true {
      let isIdle = checkpoints.withLock { !$0.hasChanges && $0.unsettled == nil }
      let patience = !isIdle ? 0.25 : journal.segments.hasStagingSpares ? Self.spareSeconds : nil
      let isStopping = checkpoints.wait(seconds: patience) { state -> Bool? in
        if state.isStopping { return true }
        return state.isUrgent || isIdle && (state.hasChanges || state.unsettled != nil) ? false : nil
      }
      if isStopping == true { return }
      if isIdle && isStopping == nil {
        giveSparesBack()
      } else {
        takeDueCheckpoint()
      }
    }
  }

  private func giveSparesBack() {
    do {
      _ = try journal.segments.removeStagingSpares()
    } catch {
      // Their files stay until the next start; nothing else depends on them.
      options.report("removing spare log segments: \(error)")
    }
  }

  /// Wakes the checkpoint thread. Called under the lock, for the first change after a checkpoint.
  func noteFirstChange() {
    checkpoints.withLock { $0.hasChanges = true }
    checkpoints.wakeAll()
  }

  private func takeDueCheckpoint() {
    let staged = journal.segments.stagedBytes + journal.length
    let isDue = lock.withLock { state in
      guard let since = state.dirty.since else {
        // Under the lock, so that no change comes between the look and the note.
        checkpoints.withLock { $0.hasChanges = false }
        return false
      }
      return Double(nanosecondsNow() - since) > options.checkpointSeconds * 1e9
        || state.dirty.nodes.count > Self.dirtyTarget || staged > Self.stagedTarget
    }
    let (isUnsettled, wasFull) = checkpoints.withLock { state in
      defer {
        state.isUrgent = false
        state.isFull = staged > Self.stagedLimit
      }
      return (state.unsettled != nil, state.isFull)
    }
    guard isDue || isUnsettled else {
      // Writers that found too much staged look again.
      if wasFull { checkpoints.wakeAll() }
      return
    }
    do {
      try checkpoint()
      try removeDeadLayers()
      try prepareJournal()
      checkpoints.withLock { $0.isFull = false }
    } catch {
      // It is tried again. Writers go on as long as the journal takes their
      // operations, and are told ENOSPC or EIO when it does not.
      options.report("checkpoint: \(error)")
      checkpoints.withLock { $0.isFull = false }
      _ = checkpoints.wait(seconds: 1) { $0.isStopping ? true : nil }
    }
    checkpoints.wakeAll()
  }

  /// Makes syncs to come quicker: in a segment that was only allocated, as the first one of a new process, each takes half
  /// as long again as in one that was written before (300 and 200 µs on ext4). It is not worth the last space there is.
  func prepareJournal() throws {
    guard space.free > 4 * options.segmentBytes else { return }
    try journal.segments.prepareSpare()
    guard journal.isAllocatedOnly else { return }
    try journal.roll()
    try journal.segments.prepareSpare()
  }

  /// Holds a writer back while too much is staged.
  func waitForRoom() {
    guard journal.segments.stagedBytes > Self.stagedLimit else { return }
    Waiting.announce()
    checkpoints.withLock { state in
      state.isUrgent = true
      state.isFull = true
    }
    checkpoints.wakeAll()
    _ = checkpoints.wait(seconds: 60) { $0.isFull && !$0.isStopping ? nil : true }
  }

  /// Before a program is told that the disk is full: what is staged takes its space twice until it is
  /// chunked. Returns whether it is worth trying again.
  func makeRoom() -> Bool {
    Waiting.announce()
    do {
      let hasRoom = journal.segments.stagedBytes > 0
      if hasRoom { try checkpoint() }
      return try journal.segments.removeStagingSpares() || hasRoom
    } catch {
      options.report("making room: \(error)")
      return false
    }
  }

  /// Waits for the checkpoint that brings what a new snapshot or clone shows into the catalog.
  func waitUntilSettled(_ volume: VolumeID) throws(POSIXError) {
    while lock.withLock({ $0.unsettledVolumes.contains(volume) }) {
      Waiting.announce()
      _ = checkpoints.wait { $0.isRunning ? nil : true }
      // It could not be written, and will be tried again.
      if lock.withLock({ $0.unsettledVolumes.contains(volume) }) { throw POSIXError(EIO) }
    }
  }

  /// Brings all that was acknowledged before the call into the catalog.
  func checkpoint() throws { try checkpoint { (_) in } }

  /// Carries out an operation under the same lock as the freeze: the catalog will have the state
  /// right before it when this returns.
  func checkpoint<Result>(atomically body: (State) throws -> Result) throws -> Result {
    try betweenCheckpoints {
      try journal.roll()
      let (frozen, result) = lock.withLock { state in
        let frozen = Checkpoint(freezing: state)
        return (frozen, Swift.Result { try body(state) })
      }
      if !frozen.isEmpty || chunkStore.hasPending {
        checkpoints.withLock { $0.unsettled = frozen }
        try complete(frozen)
      } else {
        lock.withLock { $0.unsettledVolumes = [] }
      }
      return try result.get()
    }
  }

  /// Runs `body` while no checkpoint is being taken, nor one is left that could not be written.
  func betweenCheckpoints<Result>(_ body: () throws -> Result) throws -> Result {
    _ = checkpoints.wait { state -> Bool? in
      guard !state.isRunning else { return nil }
      state.isRunning = true
      return true
    }
    defer {
      checkpoints.withLock { $0.isRunning = false }
      checkpoints.wakeAll()
    }
    if let unsettled = checkpoints.withLock({ $0.unsettled }) { try complete(unsettled) }
    return try body()
  }

  private func complete(_ frozen: Checkpoint) throws {
    try frozen.write(catalog: catalog, chunkStore: chunkStore, journal: journal)
    lock.withLock { state in
      frozen.settle(state)
      state.unsettledVolumes = []
    }
    checkpoints.withLock { $0.unsettled = nil }
    try journal.remove(upTo: frozen.counters.appliedSequence)
  }

  /// Deletes the rows of volumes that are gone, a bounded number at a time.
  func removeDeadLayers() throws {
    for layer in try catalog.deadLayers() {
      while try !catalog.removeLayer(layer, limit: 5000) {
        if checkpoints.withLock({ $0.isStopping }) { return }
      }
    }
  }
}
