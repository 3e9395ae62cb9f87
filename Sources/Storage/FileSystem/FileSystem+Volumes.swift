import Catalog
import Chunks
import Glibc
import Journal
import Linux

// Volumes: made, branched and removed in one operation each, whatever their size.
extension FileSystem {
  /// The directories in which volumes may appear.
  static let skeletonDirectories = ["workspaces", "artifacts", "models", "triton", "volumes"]

  /// Makes the skeleton in a new store.
  func makeSkeleton() throws {
    try lock.withLock { state in
      if state.volumes.isEmpty {
        let now = nanosecondsNow()
        let row = VolumeRow(
          id: 0, kind: .skeleton, path: nil, layer: 1, root: NodeID.root.inode, created: now)
        let root = Operation.Make(
          parent: .root, name: [], node: .root, mode: FileType.directory | 0o755, uid: 0, gid: 0, time: now)
        // Layer 1 and inode 1 of the skeleton are the only ones with one number; nothing is ever below them.
        try state.perform(.createVolume(volume: row, root: root), Caller())
      }
      let root = try state.node(.root)
      for name in Self.skeletonDirectories where try state.entry(root, [UInt8](name.utf8)) == nil {
        try makeSkeletonDirectory(state, root, [UInt8](name.utf8))
      }
    }
  }

  private func makeSkeletonDirectory(_ state: State, _ parent: Node, _ name: [UInt8]) throws(POSIXError) {
    let node = NodeID(volume: 0, inode: state.counters.nextInode)
    let make = Operation.Make(
      parent: parent.id, name: name, node: node, mode: FileType.directory | 0o755, uid: 0, gid: 0,
      time: nanosecondsNow())
    try state.perform(.make(make), Caller())
  }

  public func volumes() -> [VolumeInformation] {
    lock.withLock { state in state.volumes.values.map(\.row).filter(Self.isKnown).sorted { $0.id < $1.id } }
  }

  public func volume(_ id: VolumeID) throws(VolumeError) -> VolumeInformation {
    try lock.withLock { (state) throws(VolumeError) in try knownVolume(state, id) }
  }

  /// Whether others than the file system itself may know of it.
  private static func isKnown(_ row: VolumeRow) -> Bool { row.kind != .skeleton && !row.isIncomplete }

  private func knownVolume(_ state: State, _ id: VolumeID) throws(VolumeError) -> VolumeRow {
    guard let row = state.volumes[id]?.row, Self.isKnown(row) else {
      throw VolumeError(.notFound, "There is no volume \(id). List those there are.")
    }
    return row
  }

  /// Runs `body` and turns what it throws into a ``VolumeError``.
  func describing<Result>(_ what: String, _ body: () throws -> Result) throws(VolumeError) -> Result {
    do {
      return try body()
    } catch let error as VolumeError {
      throw error
    } catch let error as POSIXError {
      throw VolumeError(.failed, "\(what): \(String(cString: strerror(error.code))). The daemon's log says more.")
    } catch {
      options.report("\(what): \(error)")
      throw VolumeError(.failed, "\(what): \(error)")
    }
  }

  /// The volume can be found under its path when this returns.
  public func createVolume(_ request: VolumeRequest) throws(VolumeError) -> VolumeInformation {
    defer { invalidateChanged() }
    return try describing("create a volume") {
      try lock.withLock { state in
        var row = try newRow(state, request)
        row.path = try request.path.map { try freePlace(state, $0) }
        return try create(state, row, request)
      }
    }
  }

  /// Makes a volume that nobody knows of until it is placed, and that goes if that never happens.
  func createIncompleteVolume(_ request: VolumeRequest) throws(VolumeError) -> VolumeInformation {
    try describing("create a volume") {
      try lock.withLock { state in
        var row = try newRow(state, request)
        row.path = VolumeRow.pathWhileIncomplete
        return try create(state, row, request)
      }
    }
  }

  /// Lets an incomplete volume appear, sealed, under its path. It can be found there when this returns.
  func placeVolume(_ id: VolumeID, at path: String?) throws(VolumeError) -> VolumeInformation {
    defer { invalidateChanged() }
    return try describing("place volume \(id)") {
      try lock.withLock { state in
        let path = try path.map { try freePlace(state, $0) }
        try state.perform(.placeVolume(id, path: path, time: nanosecondsNow()), Caller())
        return try knownVolume(state, id)
      }
    }
  }

  /// Removes an incomplete volume. One that can't be removed now is at the next start.
  func discardIncompleteVolume(_ id: VolumeID) {
    lock.withLock { state in
      do throws(POSIXError) {
        try state.perform(.removeVolume(id), Caller())
      } catch {
        options.report("volume \(id), which is incomplete, stays until the next start: errno \(error.code)")
      }
    }
  }

  /// Removes what a process was bringing in when it died: nobody will go on with it.
  func discardIncompleteVolumes() {
    let volumes = lock.withLock { state in state.volumes.values.map(\.row).filter(\.isIncomplete) }
    for volume in volumes { discardIncompleteVolume(volume.id) }
  }

  private func create(_ state: State, _ row: VolumeRow, _ request: VolumeRequest) throws -> VolumeRow {
    try state.perform(.createVolume(volume: row, root: rootOperation(row, request)), Caller())
    return row
  }

  private func rootOperation(_ row: VolumeRow, _ request: VolumeRequest) -> Operation.Make {
    Operation.Make(
      parent: NodeID(volume: row.id, inode: row.root), name: [], node: NodeID(volume: row.id, inode: row.root),
      mode: FileType.directory | request.mode & 0o7777, uid: request.uid, gid: request.gid, time: row.created)
  }

  /// Gives a new volume its numbers. `root`: where its root is another volume's too.
  private func newRow(_ state: State, _ request: VolumeRequest, root: InodeNumber? = nil) throws -> VolumeRow {
    guard state.counters.nextVolume < 1 << 24 else {
      throw VolumeError(.failed, "The store has had 16,777,215 volumes, which is all it can number.")
    }
    guard request.uid != .max, request.gid != .max else {
      throw VolumeError(.invalid, "A volume's root can't belong to nobody: -1 is no owner.")
    }
    // The layer's number comes first: what is made in it later has higher ones.
    let layer = state.counters.nextInode
    state.counters.nextInode += root == nil ? 2 : 1
    return VolumeRow(
      id: max(1, state.counters.nextVolume), kind: request.kind, path: nil, layer: layer, root: root ?? layer + 1,
      quotaBytes: request.quotaBytes, quotaInodes: request.quotaInodes, usedInodes: 1, created: nanosecondsNow())
  }

  /// The path of a volume that is about to appear there, once the directories on the way are made.
  private func freePlace(_ state: State, _ path: String) throws -> [UInt8] {
    let bytes = try checkPath(path)
    let place = try makePlace(state, bytes)
    guard try state.entry(place.parent, place.name) == nil else {
      throw VolumeError(.exists, "\(path) is there already. Choose another path.")
    }
    return bytes
  }

  /// The bytes of a path at which a volume can appear.
  func checkPath(_ path: String) throws(VolumeError) -> [UInt8] {
    let bytes = [UInt8](path.utf8)
    let components = bytes.split(separator: 0x2F, omittingEmptySubsequences: false)
    let isGood =
      components.allSatisfy { part in
        !part.isEmpty && part.count <= 255 && !part.contains(0) && part != [0x2E] && part != [0x2E, 0x2E]
      } && components.count <= 16 && bytes.count <= 1024
    let first = components.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
    let isPlaced =
      components.count == 1 ? first == "storage" : Self.skeletonDirectories.contains(first)
    guard isGood && isPlaced else {
      throw VolumeError(
        .invalid,
        "A volume can't appear at “\(path)”: it must be storage, or a name in "
          + Self.skeletonDirectories.joined(separator: ", ") + ".")
    }
    return bytes
  }

  /// Makes the skeleton's directories on the way to a path.
  func makePlace(_ state: State, _ path: [UInt8]) throws -> (parent: Node, name: [UInt8]) {
    let components = path.split(separator: 0x2F).map { [UInt8]($0) }
    var parent = try state.node(.root)
    for component in components.dropLast() {
      if try state.entry(parent, component) == nil { try makeSkeletonDirectory(state, parent, component) }
      guard let entry = try state.entry(parent, component) else { throw POSIXError(EIO) }
      let target = State.target(entry, in: 0)
      guard target.volume == 0 else {
        throw VolumeError(
          .invalid, "\(String(decoding: component, as: UTF8.self)) is a volume; none can appear within another.")
      }
      parent = try state.node(target)
    }
    guard let name = components.last else { throw VolumeError(.invalid, "The path is empty.") }
    return (parent, name)
  }

  /// A sealed volume that stays as `id` is now. Instant.
  public func snapshot(_ id: VolumeID, path: String?) throws(VolumeError) -> VolumeInformation {
    try branch(id, "snapshot volume \(id)") { source in
      var request = VolumeRequest(kind: source.kind, path: path)
      request.quotaBytes = source.quotaBytes
      request.quotaInodes = source.quotaInodes
      return (request, true)
    }
  }

  /// A writable volume that begins as `id` is now. Instant. Ownership and mode in the request are ignored.
  public func clone(_ id: VolumeID, _ request: VolumeRequest) throws(VolumeError) -> VolumeInformation {
    try branch(id, "clone volume \(id)") { _ in (request, false) }
  }

  private func branch(
    _ id: VolumeID, _ what: String, _ request: (VolumeRow) -> (VolumeRequest, isSnapshot: Bool)
  ) throws(VolumeError) -> VolumeInformation {
    defer { invalidateChanged() }
    return try describing(what) {
      try checkpoint { state in
        let source = try knownVolume(state, id)
        let (request, isSnapshot) = request(source)
        var row = try newRow(state, request, root: source.root)
        row.path = try request.path.map { try freePlace(state, $0) }
        row.source = id
        row.sealed = isSnapshot
        row.usedBytes = source.usedBytes
        row.usedInodes = source.usedInodes
        var sourceLayer: LayerID = 0
        if !source.sealed {
          sourceLayer = isSnapshot ? row.layer : state.counters.nextInode
          if !isSnapshot { state.counters.nextInode += 1 }
        }
        // What is sealed needs no layer of its own: neither the snapshot nor a sealed source.
        if isSnapshot { row.layer = source.layer }
        try state.perform(.branchVolume(volume: row, source: id, sourceLayer: sourceLayer), Caller())
        state.unsettledVolumes.insert(row.id)
        return row
      }
    }
  }

  public func seal(_ id: VolumeID) throws(VolumeError) {
    try describing("seal volume \(id)") {
      try lock.withLock { state in
        if try !knownVolume(state, id).sealed { try state.perform(.sealVolume(id), Caller()) }
      }
    }
  }

  public func setQuota(_ id: VolumeID, bytes: UInt64, inodes: UInt64) throws(VolumeError) {
    try describing("set the quota of volume \(id)") {
      try lock.withLock { state in
        _ = try knownVolume(state, id)
        try state.perform(.setQuota(id, bytes: bytes, inodes: inodes), Caller())
      }
    }
  }

  /// Removes a volume and, where they are empty then, the skeleton directories made for its path.
  public func removeVolume(_ id: VolumeID) throws(VolumeError) {
    defer { invalidateChanged() }
    try describing("remove volume \(id)") {
      try lock.withLock { state in
        let row = try knownVolume(state, id)
        try state.perform(.removeVolume(id), Caller())
        if let path = row.path { try removeEmptyDirectories(state, path) }
      }
    }
  }

  func removeEmptyDirectories(_ state: State, _ path: [UInt8]) throws {
    var components = path.split(separator: 0x2F).dropLast()
    while components.count > 1 {
      let directory = [UInt8](components.joined(separator: [0x2F]))
      guard let place = try state.skeletonPlace(directory), let entry = try state.entry(place.parent, place.name)
      else { return }
      guard try state.isEmpty(try state.node(State.target(entry, in: 0))) else { return }
      try state.perform(.unlink(parent: place.parent.id, name: place.name, time: nanosecondsNow()), Caller())
      components = components.dropLast()
    }
  }

  // MARK: Usage

  public func usage() throws(VolumeError) -> StorageUsage {
    try describing("measure the store") {
      let totals = try catalog.chunkTotals()
      let packBytes = chunkStore.packs.packs().reduce(UInt64(0)) { $0 + $1.bytes }
      let (logical, inodes, count) = lock.withLock { state in
        let rows = state.volumes.values.map(\.row).filter(Self.isKnown)
        return (
          rows.reduce(UInt64(0)) { $0 + $1.usedBytes }, rows.reduce(UInt64(0)) { $0 + $1.usedInodes },
          UInt64(rows.count)
        )
      }
      return StorageUsage(
        logicalBytes: logical, uniqueBytes: totals.uniqueBytes, storedBytes: totals.storedBytes, packBytes: packBytes,
        chunks: totals.count, inodes: inodes, volumes: count, stagedBytes: journal.segments.stagedBytes,
        freeBytes: space.free)
    }
  }

  /// Everything acknowledged so far survives a power cut once this returns, and is chunked.
  public func synchronizeAll() throws(VolumeError) {
    try describing("synchronize the store") {
      try checkpoint()
      try journal.sync()
    }
    do {
      try prepareJournal()
    } catch {
      // What was asked for is done.
      options.report("preparing the journal: \(error)")
    }
  }
}
