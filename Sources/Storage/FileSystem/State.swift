import Catalog
import Chunks
import Glibc
import Journal
import Linux

/// Everything the file system knows, behind its one lock.
///
/// One lock for all metadata is a choice: an operation holds it for one to a few microseconds (no
/// disk is touched when its inodes are in memory), while the kernel takes some twenty to bring a
/// request. It makes the order of the journal the order of the operations, with nothing to prove.
/// File content is read, staged and chunked outside it.
final class State {
  let catalog: Catalog
  let journal: Journal
  let chunkStore: ChunkStore
  let nameHashKey: (UInt64, UInt64)
  /// Where faults are told that a program can be told no more of than a number.
  let report: @Sendable (String) -> Void
  /// Told of the first change after a checkpoint.
  var onFirstChange: @Sendable () -> Void = {}

  var nodes: [NodeID: Node] = [:]
  var volumes: [VolumeID: Volume] = [:]
  var layers: [LayerID: Layer] = [:]
  var counters: Counters
  var dirty = DirtySet()
  var eviction = Eviction()
  /// For inodes that are loaded with their neighbours.
  var credit = Credit()
  /// Answers to requests that are in the journal, for a kernel that sends them again after a restart.
  var answered: [UInt64: NodeID] = [:]
  /// Snapshots and clones whose layers the catalog does not have yet: nothing can be looked up in them.
  var unsettledVolumes: Set<VolumeID> = []
  /// What the kernel is to be told once the lock is released.
  var invalidations: [KernelInvalidation] = []
  /// Inodes without names that the kernel may still use.
  var orphans: Set<NodeID> = []

  struct Layer {
    var parent: LayerID?
    /// Volumes whose top layer it is, and layers on it.
    var references = 0
  }

  /// What changed since the last checkpoint began.
  struct DirtySet {
    var nodes: [Node] = []
    var volumes: Set<VolumeID> = []
    var removedVolumes: [VolumeID] = []
    var addedLayers: [LayerRow] = []
    var removedLayers: [LayerID] = []
    /// When the first of the changes happened, in nanoseconds since 1970; nil: there are none.
    var since: Int64?

    var isEmpty: Bool { since == nil }
  }

  final class Volume {
    var row: VolumeRow
    /// The layers that it sees, its own first.
    var chain: [LayerID]

    init(row: VolumeRow, chain: [LayerID]) {
      self.row = row
      self.chain = chain
    }

    /// Whether layers below the top one may have rows of an inode. Layers take their numbers from the
    /// counter of the inodes: what is above the layer's number was made after it, and so in it.
    func isInLowerLayers(_ inode: InodeNumber) -> Bool { chain.count > 1 && inode <= row.layer }
  }

  init(
    catalog: Catalog, journal: Journal, chunkStore: ChunkStore, nameHashKey: (UInt64, UInt64), counters: Counters,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.catalog = catalog
    self.journal = journal
    self.chunkStore = chunkStore
    self.nameHashKey = nameHashKey
    self.counters = counters
    self.report = report
  }

  /// Pages of one file kept in memory between operations: the map of 16 GiB, some 10 MiB at worst.
  static let mostPages = 1024
  /// Files of whose maps more was loaded.
  var largeFiles: [Node] = []

  // MARK: Loading

  /// Runs a read of the catalog; what fails there is EIO to the program and told in full to the log.
  func read<Result>(_ body: (Catalog) throws(CatalogError) -> Result) throws(POSIXError) -> Result {
    do {
      return try body(catalog)
    } catch {
      report(error.description)
      throw POSIXError(EIO)
    }
  }

  func volume(_ id: VolumeID) throws(POSIXError) -> Volume {
    guard let volume = volumes[id] else { throw POSIXError(ESTALE) }
    return volume
  }

  func node(_ id: NodeID) throws(POSIXError) -> Node {
    if let node = nodes[id] {
      guard !node.isDeleted else { throw POSIXError(ESTALE) }
      if node.isInAdvance { noteUse(ofNeighbour: node) }
      node.isRecent = true
      return node
    }
    return try load(id)
  }

  func directory(_ id: NodeID) throws(POSIXError) -> Node {
    let node = try node(id)
    guard node.isDirectory else { throw POSIXError(ENOTDIR) }
    return node
  }

  func regularFile(_ id: NodeID) throws(POSIXError) -> Node {
    let node = try node(id)
    if node.isDirectory { throw POSIXError(EISDIR) }
    guard node.isRegular else { throw POSIXError(EINVAL) }
    return node
  }

  /// Refuses changes to what must not change: EROFS in a sealed volume, EPERM in the skeleton.
  func checkWritable(_ id: NodeID) throws(POSIXError) {
    let volume = try volume(id.volume)
    if volume.row.kind == .skeleton { throw POSIXError(EPERM) }
    if volume.row.sealed { throw POSIXError(EROFS) }
  }

  /// The extents of a page of a file.
  func page(_ node: Node, _ number: UInt64) throws(POSIXError) -> [Extent] {
    if let extents = node.pages[number] { return extents }
    if node.hasAllPages { return [] }
    let chain = try volume(node.id.volume).chain
    let extents =
      try read({ (catalog) throws(CatalogError) in try catalog.extentPage(chain, node.id.inode, page: number) }) ?? []
    node.pages[number] = extents
    charge(node, 1 + extents.count / 8)
    if node.pages.count > Self.mostPages { largeFiles.append(node) }
    return extents
  }

  /// The numbers of the pages in a range that may hold extents, in order.
  func existingPages(_ node: Node, in range: Range<UInt64>) throws(POSIXError) -> [UInt64] {
    var numbers = Set(node.pages.keys.filter { range.contains($0) })
    if !node.hasAllPages {
      let chain = try volume(node.id.volume).chain
      var next = range.lowerBound
      while next < range.upperBound {
        let found = try read { (catalog) throws(CatalogError) in
          try catalog.extentPages(chain, node.id.inode, from: next, limit: 256)
        }
        for (number, extents) in found where number < range.upperBound {
          numbers.insert(number)
          if node.pages[number] == nil { node.pages[number] = extents }
        }
        guard found.count == 256, let last = found.last?.page else { break }
        next = last + 1
      }
      if node.pages.count > Self.mostPages { largeFiles.append(node) }
    }
    return numbers.sorted()
  }

  func extendedAttributes(_ node: Node) throws(POSIXError) -> [[UInt8]: [UInt8]] {
    if let attributes = node.attributes { return attributes }
    let chain = try volume(node.id.volume).chain
    let attributes = try read { (catalog) throws(CatalogError) in
      var result: [[UInt8]: [UInt8]] = [:]
      for name in try catalog.attributeNames(chain, node.id.inode) {
        result[name] = try catalog.attribute(chain, node.id.inode, name: name)
      }
      return result
    }
    node.attributes = attributes
    return attributes
  }

  // MARK: Names

  func hash(_ name: [UInt8]) -> UInt64 {
    let hash = name.withUnsafeBytes { sipHash(key: nameHashKey, $0) } >> 9
    // Cookies below 256 are left for `.` and `..`.
    return max(hash, 1)
  }

  func entry(_ parent: Node, _ name: [UInt8]) throws(POSIXError) -> DirectoryEntry? {
    guard let directory = parent.directory else { throw POSIXError(ENOTDIR) }
    let hash = hash(name)
    for counter in 0..<UInt64(256) {
      guard let entry = directory.entries[hash << 8 | counter] else {
        // Names of one hash take counters from 0 on, but one of them may have gone: look at a few more.
        if counter < 4 { continue } else { break }
      }
      if entry.name == name { return entry }
    }
    if directory.isComplete { return nil }
    directory.singleLookups += 1
    if directory.singleLookups == Self.singleLookups {
      try loadNames(of: parent, after: 0, limit: Self.namesInAdvance)
      return try entry(parent, name)
    }
    let chain = try volume(parent.id.volume).chain
    let found = try read { (catalog) throws(CatalogError) in
      try catalog.entry(chain, parent.id.inode, hash: hash, name: name)
    }
    guard let found, !directory.isChanged(found.cookie) else { return nil }
    directory.insert(found)
    charge(parent, 1)
    return found
  }

  /// The place for a new name. A name that a layer has a row for, be it one that says removed, keeps
  /// its cookie, and no other name gets it: a row hides the one below it by both.
  func freeCookie(_ parent: Node, _ name: [UInt8]) throws(POSIXError) -> UInt64 {
    guard let directory = parent.directory else { throw POSIXError(ENOTDIR) }
    if let cookie = directory.prepared.removeValue(forKey: name) { return cookie }
    let hash = hash(name)
    var used: Set<UInt64> = []
    let volume = try volume(parent.id.volume)
    let hasRowsBelow = volume.isInLowerLayers(parent.id.inode)
    if hasRowsBelow {
      let changed = directory.dirty.merging(directory.frozen) { first, _ in first }
      if let known = changed.first(where: { $0.key >> 8 == hash && $0.value == name }) { return known.key }
      let number = parent.id.inode
      let known = try read { (catalog) throws(CatalogError) in
        try catalog.knownCookie(volume.chain, number, hash: hash, name: name)
      }
      if let known { return known }
      used = Set(changed.keys)
    }
    if hasRowsBelow || !directory.isComplete {
      let rows = try read { (catalog) throws(CatalogError) in
        try catalog.usedCookies(volume.chain, parent.id.inode, hash: hash)
      }
      used.formUnion(hasRowsBelow ? rows : rows.filter { !directory.isChanged($0) })
    }
    for counter in 0..<UInt64(256) {
      let cookie = hash << 8 | counter
      if directory.entries[cookie] == nil && !used.contains(cookie) { return cookie }
    }
    // 257 names with one value of a keyed 55-bit hash: not by chance, and not without the key.
    throw POSIXError(ENOSPC)
  }

  /// Brings all names of a directory into memory.
  func complete(_ node: Node) throws(POSIXError) -> Directory {
    guard let directory = node.directory else { throw POSIXError(ENOTDIR) }
    var after: UInt64? = 0
    while !directory.isComplete, let start = after {
      after = try loadNames(of: node, after: start, limit: 4096)
    }
    return directory
  }

  func isEmpty(_ node: Node) throws(POSIXError) -> Bool {
    guard let directory = node.directory else { throw POSIXError(ENOTDIR) }
    if !directory.entries.isEmpty { return false }
    return try complete(node).entries.isEmpty
  }

  /// The node that an entry of a directory leads to: in the same volume, or another volume's root.
  static func target(_ entry: DirectoryEntry, in volume: VolumeID) -> NodeID {
    let number = NodeID(rawValue: entry.node)
    return number.volume == 0 ? NodeID(volume: volume, inode: entry.node) : number
  }

  // MARK: Bookkeeping

  func touch(_ node: Node) {
    noteChange()
    if !node.isDirty {
      node.isDirty = true
      dirty.nodes.append(node)
    }
  }

  func touch(_ volume: Volume) {
    noteChange()
    dirty.volumes.insert(volume.row.id)
  }

  func noteChange() {
    guard dirty.since == nil else { return }
    dirty.since = nanosecondsNow()
    onFirstChange()
  }

  /// Appends an operation to the journal and carries it out.
  func perform(_ operation: Operation, _ caller: Caller, data: UnsafeRawBufferPointer? = nil) throws(POSIXError) {
    try prepare(operation)
    do {
      let (sequence, location) = try journal.append(operation, request: caller.request, data: data)
      if data != nil, case .write(var write) = operation {
        write.source = .inline(location: location)
        apply(.write(write))
      } else {
        if case .write(let write) = operation { journal.segments.commit(write.location, sequence: sequence) }
        apply(operation)
      }
      counters.appliedSequence = sequence
    } catch {
      report(error.description)
      throw POSIXError(error.errno == ENOSPC ? ENOSPC : EIO)
    }
  }

  /// Carries out an operation that was prepared and is in the journal.
  func apply(_ operation: Operation) {
    do {
      try carryOut(operation)
    } catch {
      // What is in the journal has been acknowledged or is about to be; a state without it would be
      // another history than the journal's, and the next checkpoint would make the difference lasting.
      // Nothing that could fail is left to do here, for ``prepare(_:)`` has done it.
      fatalError("cairn: an operation in the journal can't be carried out (errno \(error.code)): \(operation)")
    }
  }
}
