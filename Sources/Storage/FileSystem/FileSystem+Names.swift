import Catalog
import Glibc
import Journal
import Linux

// Operations on names: each checks, journals and carries out its change under the lock.
extension FileSystem {
  /// Bytes of a symbolic link's target: PATH_MAX less the NUL, and all that READLINK has room for.
  static let longestTarget = 4095

  public func lookup(_ parent: NodeID, _ name: [UInt8]) throws(POSIXError) -> Attributes {
    if parent.volume == 0, let volume = volume(at: parent, name) { try waitUntilSettled(volume) }
    return try withState { (state) throws(POSIXError) in
      // Asked for by open_by_handle_at and NFS, which know a node, of whatever type, and not its path.
      if name == [0x2E] { return try counted(state, parent) }
      let directory = try state.directory(parent)
      guard name.count <= 255 else { throw POSIXError(ENAMETOOLONG) }
      if name == [0x2E, 0x2E] { return try counted(state, try parentNode(state, directory)) }
      guard let entry = try state.entry(directory, name) else { throw POSIXError(ENOENT) }
      let node = try state.node(State.target(entry, in: parent.volume))
      node.lookups += 1
      return node.stat
    }
  }

  /// The volume that a name in the skeleton leads to.
  private func volume(at parent: NodeID, _ name: [UInt8]) -> VolumeID? {
    lock.withLock { state in
      guard let directory = try? state.directory(parent), let entry = try? state.entry(directory, name) else {
        return nil
      }
      let target = State.target(entry, in: 0)
      return target.volume == 0 ? nil : target.volume
    }
  }

  /// The kernel gives `count` references to an inode back. One without names and references is gone,
  /// unless its volume is sealed: nothing changes there, and its layer may be another volume's too.
  ///
  /// References taken before this process began are not known; the kernel gives all of its references
  /// back at once, so a count below zero says the same as zero.
  public func forget(_ node: NodeID, count: UInt64) {
    lock.withLock { state in
      if let known = state.nodes[node] {
        let (left, overflow) = known.lookups.subtractingReportingOverflow(Int64(clamping: count))
        known.lookups = overflow ? .min : left
      }
      guard state.orphans.contains(node), state.volumes[node.volume]?.row.sealed == false else { return }
      do throws(POSIXError) {
        guard try state.node(node).lookups <= 0 else { return }
        try state.perform(.release(node: node), Caller())
      } catch {
        // It stays an inode without names, and goes at the next mount.
        options.report("releasing inode \(node): errno \(error.code)")
      }
    }
  }

  /// Finds what has no names in the catalog; replay has found what lost them since.
  func findOrphans() throws {
    try lock.withLock { state in
      for volume in state.volumes.values where !volume.row.sealed {
        // An inode that lost its names before a snapshot or clone was made lies in a layer below.
        for layer in volume.chain {
          for number in try state.catalog.unlinkedInodes(layer) {
            let id = NodeID(volume: volume.row.id, inode: number)
            do throws(POSIXError) {
              if try state.node(id).row.linkCount == 0 { state.orphans.insert(id) }
            } catch {
              // ESTALE: released since, in a layer above or in the journal.
              if error.code != ESTALE { throw error }
            }
          }
        }
      }
    }
  }

  /// Releases what has no names: at a fresh mount nobody can have it open.
  func releaseOrphans() {
    lock.withLock { state in
      do {
        for id in state.orphans where state.volumes[id.volume]?.row.sealed == false {
          try state.perform(.release(node: id), Caller())
        }
      } catch {
        options.report("releasing inodes without names: \(error)")
      }
    }
  }

  /// The answer to a request that an earlier process carried out and could not answer.
  private func repeated(_ state: State, _ caller: Caller) -> NodeID? {
    state.answered[caller.request]
  }

  private func checkName(_ name: [UInt8]) throws(POSIXError) {
    guard !name.isEmpty, name != [0x2E], name != [0x2E, 0x2E] else { throw POSIXError(EEXIST) }
    guard name.count <= 255 else { throw POSIXError(ENAMETOOLONG) }
    guard !name.contains(0x2F), !name.contains(0) else { throw POSIXError(EINVAL) }
  }

  /// Refuses what no kernel asks for: an unknown type, and a link's target that could not be read back.
  private func checkNew(_ new: NewNode) throws(POSIXError) {
    switch new.mode & FileType.mask {
    case FileType.regular, FileType.directory, FileType.fifo, FileType.socket, FileType.blockDevice,
      FileType.characterDevice:
      break
    case FileType.symbolicLink:
      guard !new.target.isEmpty else { throw POSIXError(ENOENT) }
      guard new.target.count <= Self.longestTarget else { throw POSIXError(ENAMETOOLONG) }
      guard !new.target.contains(0) else { throw POSIXError(EINVAL) }
    default: throw POSIXError(EINVAL)
    }
  }

  private func checkInodeQuota(_ state: State, _ id: VolumeID) throws(POSIXError) {
    let row = try state.volume(id).row
    if row.quotaInodes > 0 && row.usedInodes >= row.quotaInodes { throw POSIXError(EDQUOT) }
  }

  /// mknod, mkdir, symlink and create.
  public func make(
    _ parent: NodeID, _ name: [UInt8], _ new: NewNode, _ caller: Caller
  ) throws(POSIXError) -> Attributes {
    try withState { (state) throws(POSIXError) in
      if let id = repeated(state, caller) { return try counted(state, id) }
      let directory = try state.directory(parent)
      try state.checkWritable(parent)
      try checkName(name)
      try checkNew(new)
      guard directory.row.linkCount > 0 else { throw POSIXError(ENOENT) }
      guard try state.entry(directory, name) == nil else { throw POSIXError(EEXIST) }
      let operation = try newInode(state, directory, name, new, caller)
      try state.perform(.make(operation), caller)
      return try counted(state, operation.node)
    }
  }

  /// O_TMPFILE.
  public func makeUnnamed(_ parent: NodeID, _ new: NewNode, _ caller: Caller) throws(POSIXError) -> Attributes {
    try withState { (state) throws(POSIXError) in
      if let id = repeated(state, caller) { return try counted(state, id) }
      let directory = try state.directory(parent)
      try state.checkWritable(parent)
      let operation = try newInode(state, directory, [], new, caller)
      try state.perform(.make(operation), caller)
      return try counted(state, operation.node)
    }
  }

  private func counted(_ state: State, _ id: NodeID) throws(POSIXError) -> Attributes {
    let node = try state.node(id)
    node.lookups += 1
    return node.stat
  }

  /// A new inode with what it inherits from its directory: group and set-group-ID, and ACLs.
  private func newInode(
    _ state: State, _ parent: Node, _ name: [UInt8], _ new: NewNode, _ caller: Caller
  ) throws(POSIXError) -> Operation.Make {
    try checkInodeQuota(state, parent.id.volume)
    guard state.counters.nextInode < 1 << 40 else { throw POSIXError(ENOSPC) }
    let type = new.mode & FileType.mask
    var permissions = new.mode & 0o7777
    var attributes: [Operation.ExtendedAttribute] = []
    let inherited = try state.extendedAttributes(parent)[AccessControlList.defaultName]
    if type == FileType.symbolicLink {
      permissions = 0o777
    } else if let inherited, let list = AccessControlList(inherited) {
      let result = list.inherited(mode: permissions)
      permissions = result.mode
      if !result.list.isMinimal {
        attributes.append(.init(name: AccessControlList.accessName, value: result.list.bytes))
      }
      if type == FileType.directory {
        attributes.append(.init(name: AccessControlList.defaultName, value: inherited))
      }
    } else {
      permissions &= ~(new.umask & 0o777)
    }
    var group = caller.gid
    if parent.row.mode & 0o2000 != 0 {
      group = parent.row.gid
      if type == FileType.directory { permissions |= 0o2000 }
    }
    return Operation.Make(
      parent: parent.id, name: name, node: NodeID(volume: parent.id.volume, inode: state.counters.nextInode),
      mode: type | permissions, uid: caller.uid, gid: group, device: new.device, target: new.target,
      time: nanosecondsNow(), extendedAttributes: attributes)
  }

  public func unlink(_ parent: NodeID, _ name: [UInt8], _ caller: Caller) throws(POSIXError) {
    try remove(parent, name, caller) { (_, node) throws(POSIXError) in
      if node.isDirectory { throw POSIXError(EISDIR) }
    }
  }

  public func removeDirectory(_ parent: NodeID, _ name: [UInt8], _ caller: Caller) throws(POSIXError) {
    try remove(parent, name, caller) { (state, node) throws(POSIXError) in
      guard node.isDirectory else { throw POSIXError(ENOTDIR) }
      guard node.id.volume == parent.volume else { throw POSIXError(EBUSY) }
      guard try state.isEmpty(node) else { throw POSIXError(ENOTEMPTY) }
    }
  }

  private func remove(
    _ parent: NodeID, _ name: [UInt8], _ caller: Caller, check: (State, Node) throws(POSIXError) -> Void
  ) throws(POSIXError) {
    try withState { (state) throws(POSIXError) in
      if repeated(state, caller) != nil { return }
      let directory = try state.directory(parent)
      guard let entry = try state.entry(directory, name) else { throw POSIXError(ENOENT) }
      let node = try state.node(State.target(entry, in: parent.volume))
      try check(state, node)
      try state.checkWritable(parent)
      try state.perform(.unlink(parent: parent, name: name, time: nanosecondsNow()), caller)
    }
  }

  public func link(
    _ node: NodeID, to parent: NodeID, _ name: [UInt8], _ caller: Caller
  ) throws(POSIXError) -> Attributes {
    try withState { (state) throws(POSIXError) in
      if let id = repeated(state, caller) { return try counted(state, id) }
      let directory = try state.directory(parent)
      let target = try state.node(node)
      if target.isDirectory { throw POSIXError(EPERM) }
      guard node.volume == parent.volume else { throw POSIXError(EXDEV) }
      try state.checkWritable(parent)
      try checkName(name)
      guard directory.row.linkCount > 0 else { throw POSIXError(ENOENT) }
      guard target.row.linkCount < 65_000 else { throw POSIXError(EMLINK) }
      guard try state.entry(directory, name) == nil else { throw POSIXError(EEXIST) }
      try state.perform(.link(node: node, parent: parent, name: name, time: nanosecondsNow()), caller)
      return try counted(state, node)
    }
  }

  public func rename(
    _ parent: NodeID, _ name: [UInt8], to newParent: NodeID, _ newName: [UInt8], _ flags: RenameFlags, _ caller: Caller
  ) throws(POSIXError) {
    try withState { (state) throws(POSIXError) in
      if repeated(state, caller) != nil { return }
      guard !flags.contains(.exchange) || flags == .exchange else { throw POSIXError(EINVAL) }
      let directory = try state.directory(parent)
      let newDirectory = try state.directory(newParent)
      guard parent.volume == newParent.volume else { throw POSIXError(EXDEV) }
      guard let entry = try state.entry(directory, name) else { throw POSIXError(ENOENT) }
      let node = try state.node(State.target(entry, in: parent.volume))
      try state.checkWritable(parent)
      try checkName(newName)
      guard newDirectory.row.linkCount > 0 else { throw POSIXError(ENOENT) }
      if node.isDirectory { try checkNotWithin(state, newDirectory, node) }
      if let existing = try state.entry(newDirectory, newName) {
        if flags.contains(.noReplace) { throw POSIXError(EEXIST) }
        let other = try state.node(State.target(existing, in: newParent.volume))
        if other === node { return }
        if flags.contains(.exchange) {
          if other.isDirectory { try checkNotWithin(state, directory, other) }
        } else {
          if other.isDirectory && !node.isDirectory { throw POSIXError(EISDIR) }
          if !other.isDirectory && node.isDirectory { throw POSIXError(ENOTDIR) }
          if other.isDirectory, try !state.isEmpty(other) { throw POSIXError(ENOTEMPTY) }
        }
      } else if flags.contains(.exchange) {
        throw POSIXError(ENOENT)
      }
      if flags.contains(.whiteout) { try checkInodeQuota(state, parent.volume) }
      try state.perform(
        .rename(
          Operation.Rename(
            parent: parent, name: name, newParent: newParent, newName: newName, exchange: flags.contains(.exchange),
            whiteout: flags.contains(.whiteout) ? state.counters.nextInode : 0, time: nanosecondsNow())), caller)
    }
  }

  /// A directory can't become its own descendant. The kernel checks this too; it is checked here for
  /// callers that are not the kernel.
  private func checkNotWithin(_ state: State, _ directory: Node, _ ancestor: Node) throws(POSIXError) {
    var current = directory
    let root = try state.volume(directory.id.volume).row.root
    while true {
      if current === ancestor { throw POSIXError(EINVAL) }
      if current.id.inode == root { return }
      current = try state.node(NodeID(volume: directory.id.volume, inode: current.row.parent))
    }
  }

  // MARK: Listing

  /// Calls `body` for each name after `cookie` (0: from the start) until it returns false. `.` and
  /// `..` are not among them. `body` runs under the file system's lock and must not call back.
  public func list(
    _ directory: NodeID, after cookie: UInt64, _ body: (DirectoryListing) -> Bool
  ) throws(POSIXError) {
    try withState { (state) throws(POSIXError) in
      let names = try state.complete(try state.directory(directory))
      let order = names.orderedCookies()
      var low = 0
      var high = order.count
      while low < high {
        let middle = (low + high) / 2
        if order[middle] > cookie { high = middle } else { low = middle + 1 }
      }
      while low < order.count {
        if let entry = names.entries[order[low]] {
          let target = State.target(entry, in: directory.volume)
          let listing = DirectoryListing(name: entry.name, node: target, type: entry.type, cookie: entry.cookie)
          if !body(listing) { return }
        }
        low += 1
      }
    }
  }

  /// The directory's parent, for `..`.
  public func parent(_ directory: NodeID) throws(POSIXError) -> NodeID {
    try withState { (state) throws(POSIXError) in try parentNode(state, try state.directory(directory)) }
  }

  private func parentNode(_ state: State, _ directory: Node) throws(POSIXError) -> NodeID {
    let row = try state.volume(directory.id.volume).row
    guard row.root == directory.id.inode else {
      return NodeID(volume: directory.id.volume, inode: directory.row.parent)
    }
    guard let path = row.path, let place = try state.skeletonPlace(path) else { return .root }
    return place.parent.id
  }
}
