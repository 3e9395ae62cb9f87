import Catalog
import Glibc
import Journal

// How operations on names change the state. Everything here has been checked before it was
// journaled, and is carried out the same way when the journal is replayed.
extension State {
  func carryOut(_ operation: Operation) throws(POSIXError) {
    switch operation {
    case .make(let make): try carryOut(make)
    case .link(let node, let parent, let name, let time): try link(node, parent, name, time)
    case .unlink(let parent, let name, let time): try unlink(parent, name, time)
    case .rename(let rename): try carryOut(rename)
    case .setAttributes(let change): try carryOut(change)
    case .write(let write): try carryOut(write)
    case .allocate(let node, let kind, let offset, let length, let time):
      try allocate(node, kind, offset, length, time)
    case .copyRange(let copy): try carryOut(copy)
    case .setExtendedAttribute(let node, let name, let value, let mode, let time):
      try setExtendedAttribute(node, name, value, mode, time)
    case .release(let node): try release(node)
    case .assemble(let node, let chunks, let time): try assemble(node, chunks, time)
    case .createVolume(let volume, let root): try createVolume(volume, root)
    case .branchVolume(let volume, let source, let sourceLayer): try branchVolume(volume, source, sourceLayer)
    case .sealVolume(let id):
      let volume = try volume(id)
      volume.row.sealed = true
      touch(volume)
    case .setQuota(let id, let bytes, let inodes):
      let volume = try volume(id)
      volume.row.quotaBytes = bytes
      volume.row.quotaInodes = inodes
      touch(volume)
    case .removeVolume(let id): try removeVolume(id)
    case .placeVolume(let id, let path, let time): try placeVolume(id, path, time)
    }
  }

  private func carryOut(_ make: Operation.Make) throws(POSIXError) {
    let node = newNode(make)
    if make.name.isEmpty {
      node.row.linkCount = 0
      orphans.insert(node.id)
    } else {
      let parent = try directory(make.parent)
      try insert(make.name, node.id, node.type, in: parent, time: make.time)
      if node.isDirectory { parent.row.linkCount += 1 }
    }
    let volume = try volume(node.id.volume)
    volume.row.usedInodes += 1
    touch(volume)
  }

  /// A new inode in memory, with one name or, a directory, two links.
  func newNode(_ make: Operation.Make) -> Node {
    let row = InodeRow(
      mode: make.mode, uid: make.uid, gid: make.gid, linkCount: make.mode & FileType.mask == FileType.directory ? 2 : 1,
      device: make.device, size: UInt64(make.target.count), accessed: make.time, modified: make.time,
      changed: make.time, born: make.time, parent: make.parent.inode, target: make.target)
    let node = Node(id: make.node, row: row, isNew: true)
    for attribute in make.extendedAttributes {
      node.attributes?[attribute.name] = attribute.value
      node.dirtyAttributes.insert(attribute.name)
    }
    keep(node)
    touch(node)
    counters.nextInode = max(counters.nextInode, make.node.inode + 1)
    return node
  }

  private func insert(
    _ name: [UInt8], _ target: NodeID, _ type: UInt32, in parent: Node, time: Int64
  ) throws(POSIXError) {
    let cookie = try freeCookie(parent, name)
    let number = target.volume == parent.id.volume ? target.inode : target.rawValue
    parent.directory?.insert(DirectoryEntry(cookie: cookie, name: name, node: number, type: type))
    parent.directory?.dirty[cookie] = name
    parent.row.modified = time
    parent.row.changed = time
    touch(parent)
    noteInSkeleton(name, parent)
  }

  private func remove(_ entry: DirectoryEntry, from parent: Node, time: Int64) {
    parent.directory?.remove(entry.cookie)
    parent.directory?.dirty[entry.cookie] = entry.name
    parent.row.modified = time
    parent.row.changed = time
    touch(parent)
    noteInSkeleton(entry.name, parent)
  }

  /// No program may change the skeleton, so what changes there does so behind the kernel's back. In a replay too: the
  /// process that journaled it may not have come to tell.
  private func noteInSkeleton(_ name: [UInt8], _ parent: Node) {
    guard parent.id.volume == 0 else { return }
    invalidations.append(.entry(parent: parent.id, name: name))
    invalidations.append(.attributes(parent.id))
  }

  private func existing(_ name: [UInt8], in parent: Node) throws(POSIXError) -> DirectoryEntry {
    guard let entry = try entry(parent, name) else { throw POSIXError(ENOENT) }
    return entry
  }

  private func link(_ id: NodeID, _ parentID: NodeID, _ name: [UInt8], _ time: Int64) throws(POSIXError) {
    let node = try node(id)
    let parent = try directory(parentID)
    try insert(name, id, node.type, in: parent, time: time)
    node.row.linkCount += 1
    node.row.changed = time
    node.row.parent = parentID.inode
    orphans.remove(id)
    touch(node)
  }

  private func unlink(_ parentID: NodeID, _ name: [UInt8], _ time: Int64) throws(POSIXError) {
    let parent = try directory(parentID)
    let entry = try existing(name, in: parent)
    let node = try node(Self.target(entry, in: parentID.volume))
    remove(entry, from: parent, time: time)
    drop(node, from: parent, time: time)
  }

  /// A name of `node` in `parent` has gone.
  private func drop(_ node: Node, from parent: Node, time: Int64) {
    if node.isDirectory {
      node.row.linkCount = 0
      parent.row.linkCount -= 1
    } else {
      node.row.linkCount -= 1
    }
    node.row.changed = time
    if node.row.linkCount == 0 { orphans.insert(node.id) }
    touch(node)
  }

  private func carryOut(_ rename: Operation.Rename) throws(POSIXError) {
    let parent = try directory(rename.parent)
    let newParent = try directory(rename.newParent)
    let entry = try existing(rename.name, in: parent)
    let node = try node(Self.target(entry, in: rename.parent.volume))
    let old = try self.entry(newParent, rename.newName)
    if rename.exchange {
      guard let old else { throw POSIXError(ENOENT) }
      let other = try self.node(Self.target(old, in: rename.newParent.volume))
      replace(entry, in: parent, with: other, time: rename.time)
      replace(old, in: newParent, with: node, time: rename.time)
      if parent !== newParent {
        if node.isDirectory { moveLink(from: parent, to: newParent) }
        if other.isDirectory { moveLink(from: newParent, to: parent) }
      }
      return
    }
    if let old {
      let replaced = try self.node(Self.target(old, in: rename.newParent.volume))
      drop(replaced, from: newParent, time: rename.time)
      replace(old, in: newParent, with: node, time: rename.time)
    } else {
      try insert(rename.newName, node.id, node.type, in: newParent, time: rename.time)
      node.row.parent = newParent.id.inode
      node.row.changed = rename.time
      touch(node)
    }
    if node.isDirectory && parent !== newParent { moveLink(from: parent, to: newParent) }
    if rename.whiteout == 0 {
      remove(entry, from: parent, time: rename.time)
    } else {
      let make = Operation.Make(
        parent: parent.id, name: rename.name, node: NodeID(volume: parent.id.volume, inode: rename.whiteout),
        mode: FileType.characterDevice, uid: parent.row.uid, gid: parent.row.gid, time: rename.time)
      replace(entry, in: parent, with: newNode(make), time: rename.time)
      let volume = try volume(parent.id.volume)
      volume.row.usedInodes += 1
      touch(volume)
    }
  }

  /// Lets a name lead to another node.
  private func replace(_ entry: DirectoryEntry, in parent: Node, with node: Node, time: Int64) {
    var changed = entry
    changed.node = node.id.inode
    changed.type = node.type
    parent.directory?.insert(changed)
    parent.directory?.dirty[entry.cookie] = entry.name
    parent.row.modified = time
    parent.row.changed = time
    node.row.parent = parent.id.inode
    node.row.changed = time
    touch(parent)
    touch(node)
    noteInSkeleton(entry.name, parent)
  }

  private func moveLink(from old: Node, to new: Node) {
    old.row.linkCount -= 1
    new.row.linkCount += 1
    touch(old)
    touch(new)
  }

  private func release(_ id: NodeID) throws(POSIXError) {
    let node = try node(id)
    let volume = try volume(id.volume)
    volume.row.usedInodes -= 1
    volume.row.usedBytes -= min(volume.row.usedBytes, node.row.allocated)
    node.isDeleted = true
    node.pages = [:]
    orphans.remove(id)
    touch(node)
    touch(volume)
  }

  // MARK: Volumes

  private func createVolume(_ row: VolumeRow, _ root: Operation.Make) throws(POSIXError) {
    layers[row.layer] = Layer(parent: nil, references: 1)
    dirty.addedLayers.append(LayerRow(id: row.layer, parent: nil))
    try addVolume(row, chain: [row.layer])
    _ = newNode(root)
  }

  private func addVolume(_ row: VolumeRow, chain: [LayerID]) throws(POSIXError) {
    let volume = Volume(row: row, chain: chain)
    volumes[row.id] = volume
    counters.nextVolume = max(counters.nextVolume, row.id + 1)
    counters.nextInode = max(counters.nextInode, row.layer + 1)
    touch(volume)
    try show(row, time: row.created)
  }

  private func placeVolume(_ id: VolumeID, _ path: [UInt8]?, _ time: Int64) throws(POSIXError) {
    let volume = try volume(id)
    volume.row.path = path
    volume.row.sealed = true
    touch(volume)
    try show(volume.row, time: time)
  }

  /// Lets a volume appear under its path.
  private func show(_ row: VolumeRow, time: Int64) throws(POSIXError) {
    guard let path = row.path, let (parent, name) = try skeletonPlace(path) else { return }
    try insert(name, NodeID(volume: row.id, inode: row.root), FileType.directory, in: parent, time: time)
    parent.row.linkCount += 1
  }

  /// The skeleton's directory in which a volume appears, and its name there; nil for a path that
  /// leads nowhere.
  func skeletonPlace(_ path: [UInt8]) throws(POSIXError) -> (parent: Node, name: [UInt8])? {
    let components = path.split(separator: UInt8(ascii: "/")).map { [UInt8]($0) }
    guard let name = components.last else { return nil }
    var parent = try node(.root)
    for component in components.dropLast() {
      guard let entry = try entry(parent, component), NodeID(rawValue: entry.node).volume == 0 else { return nil }
      parent = try node(NodeID(rawValue: entry.node))
    }
    return (parent, name)
  }

  private func branchVolume(_ row: VolumeRow, _ sourceID: VolumeID, _ sourceLayer: LayerID) throws(POSIXError) {
    let source = try volume(sourceID)
    let shared = source.row.layer
    let sharedChain = source.chain
    if sourceLayer != 0 {
      addLayer(sourceLayer, on: shared)
      layers[shared]?.references -= 1
      source.row.layer = sourceLayer
      source.chain = [sourceLayer] + sharedChain
      touch(source)
    }
    if row.layer == shared {
      layers[shared]?.references += 1
      try addVolume(row, chain: sharedChain)
    } else {
      addLayer(row.layer, on: shared)
      try addVolume(row, chain: [row.layer] + sharedChain)
    }
  }

  private func addLayer(_ id: LayerID, on parent: LayerID) {
    layers[id] = Layer(parent: parent, references: 1)
    layers[parent]?.references += 1
    dirty.addedLayers.append(LayerRow(id: id, parent: parent))
    counters.nextInode = max(counters.nextInode, id + 1)
  }

  private func removeVolume(_ id: VolumeID) throws(POSIXError) {
    let volume = try volume(id)
    if let path = volume.row.path, let (parent, name) = try skeletonPlace(path), let entry = try entry(parent, name) {
      remove(entry, from: parent, time: parent.row.changed)
      parent.row.linkCount -= 1
    }
    volumes[id] = nil
    for (nodeID, node) in nodes where nodeID.volume == id {
      // Its rows go with the layer, not one by one.
      node.isDeleted = true
      if node.pins == 0 && !node.isDirty { nodes[nodeID] = nil }
    }
    orphans = orphans.filter { $0.volume != id }
    dirty.volumes.remove(id)
    dirty.removedVolumes.append(id)
    releaseLayer(volume.row.layer)
    noteChange()
  }

  private func releaseLayer(_ id: LayerID) {
    var next: LayerID? = id
    while let layer = next {
      layers[layer]?.references -= 1
      guard layers[layer]?.references == 0 else { return }
      next = layers[layer]?.parent
      layers[layer] = nil
      dirty.removedLayers.append(layer)
    }
  }
}
