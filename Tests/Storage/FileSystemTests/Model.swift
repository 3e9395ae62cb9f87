import Catalog
import FileSystem
import Glibc

/// A file system in a few hundred lines, to compare the real one with: everything in memory, a value
/// that can be copied, nothing clever. It takes the numbers of new inodes and volumes from the real one.
struct Model {
  struct Times: Equatable {
    var accessed: Int64 = 0
    var modified: Int64 = 0
    var changed: Int64 = 0
    var born: Int64 = 0
  }

  struct Inode {
    var mode: UInt32
    var uid: UInt32
    var gid: UInt32
    var device: UInt64 = 0
    var target: [UInt8] = []
    var linkCount: UInt32 = 1
    var times = Times()
    var content = ModelContent()
    var entries: [[UInt8]: InodeNumber] = [:]
    var attributes: [[UInt8]: [UInt8]] = [:]

    var type: UInt32 { mode & FileType.mask }
    var isDirectory: Bool { type == FileType.directory }
    var isRegular: Bool { type == FileType.regular }
    var size: UInt64 { isRegular ? content.size : UInt64(target.count) }
  }

  struct Volume {
    var inodes: [InodeNumber: Inode] = [:]
    var root: InodeNumber
    var isSealed = false
    var quotaBytes: UInt64 = 0
    var quotaInodes: UInt64 = 0

    var usedBytes: UInt64 { inodes.values.reduce(0) { $0 + $1.content.allocated } }
  }

  var volumes: [VolumeID: Volume] = [:]
  /// Fields that the last operation set to the present time.
  var touched: [NodeID: Set<TimeField>] = [:]

  enum TimeField { case accessed, modified, changed, born }

  // MARK: Finding

  func node(_ id: NodeID) throws(POSIXError) -> Inode {
    guard let inode = volumes[id.volume]?.inodes[id.inode] else { throw POSIXError(ESTALE) }
    return inode
  }

  private func directory(_ id: NodeID) throws(POSIXError) -> Inode {
    let inode = try node(id)
    guard inode.isDirectory else { throw POSIXError(ENOTDIR) }
    return inode
  }

  private func file(_ id: NodeID) throws(POSIXError) -> Inode {
    let inode = try node(id)
    if inode.isDirectory { throw POSIXError(EISDIR) }
    guard inode.isRegular else { throw POSIXError(EINVAL) }
    return inode
  }

  private func checkWritable(_ id: NodeID) throws(POSIXError) {
    if volumes[id.volume]?.isSealed == true { throw POSIXError(EROFS) }
  }

  private func checkName(_ name: [UInt8]) throws(POSIXError) {
    if name.isEmpty || name == Array(".".utf8) || name == Array("..".utf8) { throw POSIXError(EEXIST) }
    if name.count > 255 { throw POSIXError(ENAMETOOLONG) }
    if name.contains(0) || name.contains(0x2F) { throw POSIXError(EINVAL) }
  }

  private func checkInodeQuota(_ id: VolumeID) throws(POSIXError) {
    let volume = volumes[id]!
    if volume.quotaInodes > 0 && volume.inodes.count >= volume.quotaInodes { throw POSIXError(EDQUOT) }
  }

  private func checkByteQuota(_ id: VolumeID, adding: UInt64) throws(POSIXError) {
    let volume = volumes[id]!
    if adding > 0 && volume.quotaBytes > 0 && volume.usedBytes + adding > volume.quotaBytes {
      throw POSIXError(EDQUOT)
    }
  }

  private mutating func change(_ id: NodeID, _ fields: Set<TimeField>, _ body: (inout Inode) -> Void) {
    body(&volumes[id.volume]!.inodes[id.inode]!)
    touched[id, default: []].formUnion(fields)
  }

  // MARK: Names

  func lookup(_ parent: NodeID, _ name: [UInt8]) throws(POSIXError) -> NodeID {
    let directory = try directory(parent)
    if name.count > 255 { throw POSIXError(ENAMETOOLONG) }
    guard let inode = directory.entries[name] else { throw POSIXError(ENOENT) }
    return NodeID(volume: parent.volume, inode: inode)
  }

  /// An empty name makes an unnamed file. `number` is the inode that the real file system gave it.
  mutating func make(
    _ parent: NodeID, _ name: [UInt8]?, _ new: NewNode, _ caller: Caller, number: InodeNumber
  ) throws(POSIXError) {
    let directory = try directory(parent)
    try checkWritable(parent)
    if let name {
      try checkName(name)
      if directory.linkCount == 0 { throw POSIXError(ENOENT) }
      if directory.entries[name] != nil { throw POSIXError(EEXIST) }
    }
    try checkInodeQuota(parent.volume)
    var inode = Inode(mode: new.mode, uid: caller.uid, gid: caller.gid, device: new.device, target: new.target)
    var permissions = new.mode & 0o7777
    if inode.type == FileType.symbolicLink {
      permissions = 0o777
    } else if let inherited = ModelACL(directory.attributes[ModelACL.defaultName]) {
      let list = inherited.limited(to: permissions)
      permissions = permissions & 0o7000 | list.mode
      if list.entries.count > 3 { inode.attributes[ModelACL.accessName] = list.bytes }
      if inode.isDirectory { inode.attributes[ModelACL.defaultName] = inherited.bytes }
    } else {
      permissions &= ~(new.umask & 0o777)
    }
    if directory.mode & 0o2000 != 0 {
      inode.gid = directory.gid
      if inode.isDirectory { permissions |= 0o2000 }
    }
    inode.mode = inode.type | permissions
    inode.linkCount = name == nil ? 0 : inode.isDirectory ? 2 : 1
    volumes[parent.volume]!.inodes[number] = inode
    let id = NodeID(volume: parent.volume, inode: number)
    touched[id] = [.accessed, .modified, .changed, .born]
    guard let name else { return }
    change(parent, [.modified, .changed]) {
      $0.entries[name] = number
      if inode.isDirectory { $0.linkCount += 1 }
    }
  }

  mutating func unlink(_ parent: NodeID, _ name: [UInt8], directory isDirectory: Bool) throws(POSIXError) {
    let directory = try directory(parent)
    guard let number = directory.entries[name] else { throw POSIXError(ENOENT) }
    let id = NodeID(volume: parent.volume, inode: number)
    let inode = try node(id)
    if isDirectory {
      if !inode.isDirectory { throw POSIXError(ENOTDIR) }
      if !inode.entries.isEmpty { throw POSIXError(ENOTEMPTY) }
    } else if inode.isDirectory {
      throw POSIXError(EISDIR)
    }
    try checkWritable(parent)
    change(parent, [.modified, .changed]) { $0.entries[name] = nil }
    drop(id, from: parent)
  }

  private mutating func drop(_ id: NodeID, from parent: NodeID) {
    let isDirectory = volumes[id.volume]!.inodes[id.inode]!.isDirectory
    if isDirectory { change(parent, []) { $0.linkCount -= 1 } }
    change(id, [.changed]) { $0.linkCount = isDirectory ? 0 : $0.linkCount - 1 }
  }

  mutating func link(_ id: NodeID, to parent: NodeID, _ name: [UInt8]) throws(POSIXError) {
    let directory = try directory(parent)
    let inode = try node(id)
    if inode.isDirectory { throw POSIXError(EPERM) }
    if id.volume != parent.volume { throw POSIXError(EXDEV) }
    try checkWritable(parent)
    try checkName(name)
    if directory.linkCount == 0 { throw POSIXError(ENOENT) }
    if directory.entries[name] != nil { throw POSIXError(EEXIST) }
    change(parent, [.modified, .changed]) { $0.entries[name] = id.inode }
    change(id, [.changed]) { $0.linkCount += 1 }
  }

  mutating func rename(
    _ parent: NodeID, _ name: [UInt8], to newParent: NodeID, _ newName: [UInt8], _ flags: RenameFlags,
    whiteout: InodeNumber
  ) throws(POSIXError) {
    if flags.contains(.exchange) && flags != .exchange { throw POSIXError(EINVAL) }
    let from = try directory(parent)
    let to = try directory(newParent)
    if parent.volume != newParent.volume { throw POSIXError(EXDEV) }
    guard let number = from.entries[name] else { throw POSIXError(ENOENT) }
    let id = NodeID(volume: parent.volume, inode: number)
    let inode = try node(id)
    try checkWritable(parent)
    try checkName(newName)
    if to.linkCount == 0 { throw POSIXError(ENOENT) }
    if inode.isDirectory && isWithin(newParent, id) { throw POSIXError(EINVAL) }
    var replaced: NodeID?
    if let other = to.entries[newName] {
      if flags.contains(.noReplace) { throw POSIXError(EEXIST) }
      if other == number { return }
      let existing = NodeID(volume: newParent.volume, inode: other)
      let target = try node(existing)
      if flags.contains(.exchange) {
        if target.isDirectory && isWithin(parent, existing) { throw POSIXError(EINVAL) }
        change(parent, [.modified, .changed]) { $0.entries[name] = other }
        change(newParent, [.modified, .changed]) { $0.entries[newName] = number }
        if inode.isDirectory { moveLink(parent, newParent) }
        if target.isDirectory { moveLink(newParent, parent) }
        change(id, [.changed]) { _ in }
        change(existing, [.changed]) { _ in }
        return
      }
      if target.isDirectory && !inode.isDirectory { throw POSIXError(EISDIR) }
      if !target.isDirectory && inode.isDirectory { throw POSIXError(ENOTDIR) }
      if !target.entries.isEmpty { throw POSIXError(ENOTEMPTY) }
      replaced = existing
    } else if flags.contains(.exchange) {
      throw POSIXError(ENOENT)
    }
    if flags.contains(.whiteout) { try checkInodeQuota(parent.volume) }
    if let replaced { drop(replaced, from: newParent) }
    change(parent, [.modified, .changed]) { $0.entries[name] = nil }
    change(newParent, [.modified, .changed]) { $0.entries[newName] = number }
    if inode.isDirectory { moveLink(parent, newParent) }
    change(id, [.changed]) { _ in }
    guard flags.contains(.whiteout) else { return }
    let directory = try node(parent)
    let device = Inode(mode: FileType.characterDevice, uid: directory.uid, gid: directory.gid)
    volumes[parent.volume]!.inodes[whiteout] = device
    touched[NodeID(volume: parent.volume, inode: whiteout)] = [.accessed, .modified, .changed, .born]
    change(parent, []) { $0.entries[name] = whiteout }
  }

  private mutating func moveLink(_ from: NodeID, _ to: NodeID) {
    change(from, []) { $0.linkCount -= 1 }
    change(to, []) { $0.linkCount += 1 }
  }

  /// Whether a directory is `ancestor` or below it: by going through all that is in it.
  private func isWithin(_ directory: NodeID, _ ancestor: NodeID) -> Bool {
    if directory == ancestor { return true }
    for child in volumes[ancestor.volume]!.inodes[ancestor.inode]!.entries.values {
      let id = NodeID(volume: ancestor.volume, inode: child)
      if volumes[id.volume]!.inodes[child]!.isDirectory && isWithin(directory, id) { return true }
    }
    return false
  }

  /// The kernel has no reference to the inode any more.
  mutating func forget(_ id: NodeID) {
    if volumes[id.volume]?.isSealed == true { return }
    if volumes[id.volume]?.inodes[id.inode]?.linkCount == 0 { volumes[id.volume]!.inodes[id.inode] = nil }
  }

  /// What has no names is gone after a fresh mount.
  mutating func releaseOrphans() {
    for id in volumes.keys where !volumes[id]!.isSealed {
      volumes[id]!.inodes = volumes[id]!.inodes.filter { $0.value.linkCount > 0 }
    }
  }

  // MARK: Attributes

  mutating func setAttributes(_ id: NodeID, _ new: AttributeChange) throws(POSIXError) {
    let inode = try node(id)
    try checkWritable(id)
    if new.size != nil && !inode.isRegular { throw POSIXError(inode.isDirectory ? EISDIR : EINVAL) }
    var fields: Set<TimeField> = new.changed == nil ? [.changed] : []
    if new.size != nil { fields.insert(.modified) }
    var explicit = inode.times
    if let time = new.changed { explicit.changed = time }
    switch new.accessed {
    case .now: fields.insert(.accessed)
    case .at(let time): explicit.accessed = time
    case nil: break
    }
    switch new.modified {
    case .now: fields.insert(.modified)
    case .at(let time):
      explicit.modified = time
      fields.remove(.modified)
    case nil: break
    }
    change(id, fields) { inode in
      inode.times = explicit
      if let size = new.size { inode.content.truncate(to: size) }
      var mode = new.mode.map { $0 & 0o7777 }
      if new.clearSetID, let cleared = Self.withoutSetID(mode ?? inode.mode) { mode = cleared }
      if let mode {
        inode.mode = inode.type | mode
        if var list = ModelACL(inode.attributes[ModelACL.accessName]) {
          list.mode = mode
          inode.attributes[ModelACL.accessName] = list.bytes
        }
      }
      if let uid = new.uid { inode.uid = uid }
      if let gid = new.gid { inode.gid = gid }
      if inode.isRegular && (new.size != nil || new.uid != nil || new.gid != nil) { inode.dropCapability() }
    }
  }

  private static func withoutSetID(_ mode: UInt32) -> UInt32? {
    var result = mode & 0o7777 & ~0o4000
    if mode & 0o10 != 0 { result &= ~0o2000 }
    return result == mode & 0o7777 ? nil : result
  }

  private static func withoutSetID(_ mode: UInt32, _ caller: Caller, group: UInt32) -> UInt32? {
    if caller.uid == 0 { return nil }
    var result = mode & 0o7777 & ~0o4000
    if mode & 0o10 != 0 || caller.gid != group { result &= ~0o2000 }
    return result == mode & 0o7777 ? nil : result
  }

  func attribute(_ id: NodeID, _ name: [UInt8]) throws(POSIXError) -> [UInt8] {
    guard let value = try node(id).attributes[name] else { throw POSIXError(ENODATA) }
    return value
  }

  mutating func setAttribute(
    _ id: NodeID, _ name: [UInt8], _ value: [UInt8], _ mode: ExtendedAttributeMode, clearSetGroupID: Bool
  ) throws(POSIXError) {
    if value.count > 65536 { throw POSIXError(E2BIG) }
    let inode = try node(id)
    try checkWritable(id)
    if case .createOnly = mode, inode.attributes[name] != nil { throw POSIXError(EEXIST) }
    if case .replaceOnly = mode, inode.attributes[name] == nil { throw POSIXError(ENODATA) }
    let isAccess = name == ModelACL.accessName
    if isAccess || name == ModelACL.defaultName {
      guard let list = ModelACL(value) else { throw POSIXError(EINVAL) }
      if !isAccess && !inode.isDirectory { throw POSIXError(EACCES) }
      change(id, [.changed]) { inode in
        if isAccess {
          inode.mode = inode.mode & ~0o777 | list.mode
          if clearSetGroupID { inode.mode &= ~0o2000 }
        }
        inode.attributes[name] = isAccess && list.entries.count == 3 ? nil : value
      }
      return
    }
    change(id, [.changed]) { $0.attributes[name] = value }
  }

  mutating func removeAttribute(_ id: NodeID, _ name: [UInt8]) throws(POSIXError) {
    let inode = try node(id)
    try checkWritable(id)
    if inode.attributes[name] == nil { throw POSIXError(ENODATA) }
    change(id, [.changed]) { $0.attributes[name] = nil }
  }

  // MARK: Content

  mutating func write(_ id: NodeID, _ bytes: [UInt8], at offset: UInt64, clearSetID: Bool) throws(POSIXError) {
    if bytes.isEmpty { return }
    let inode = try file(id)
    try checkWritable(id)
    let range = offset..<offset + UInt64(bytes.count)
    try checkByteQuota(id.volume, adding: UInt64(bytes.count) - inode.content.allocated(in: range))
    change(id, [.modified, .changed]) { inode in
      inode.content.write(bytes, at: offset)
      if clearSetID, let mode = Self.withoutSetID(inode.mode) { inode.mode = inode.type | mode }
      inode.dropCapability()
    }
  }

  mutating func allocate(
    _ id: NodeID, _ mode: AllocationMode, _ range: Range<UInt64>, _ caller: Caller = Caller()
  ) throws(POSIXError) {
    if range.isEmpty { throw POSIXError(EINVAL) }
    let inode = try file(id)
    try checkWritable(id)
    let missing = UInt64(range.count) - inode.content.allocated(in: range)
    let isAligned = range.lowerBound % 4096 == 0 && range.upperBound % 4096 == 0
    switch mode {
    case .allocate, .zeroRange: try checkByteQuota(id.volume, adding: missing)
    case .punchHole: break
    case .collapseRange: if !isAligned || range.upperBound >= inode.size { throw POSIXError(EINVAL) }
    case .insertRange: if !isAligned || range.lowerBound >= inode.size { throw POSIXError(EINVAL) }
    }
    change(id, [.modified, .changed]) { inode in
      switch mode {
      case .allocate(let keepSize): inode.content.allocate(range, keepSize: keepSize)
      case .zeroRange(let keepSize): inode.content.zero(range, keepSize: keepSize)
      case .punchHole: inode.content.punch(range)
      case .collapseRange: inode.content.collapse(range)
      case .insertRange: inode.content.insert(range)
      }
    }
    _ = try clearPrivileges(id, caller)
  }

  /// What an allocation does first. Returns whether that changes anything.
  mutating func clearPrivileges(_ id: NodeID, _ caller: Caller) throws(POSIXError) -> Bool {
    let inode = try file(id)
    let mode = Self.withoutSetID(inode.mode, caller, group: inode.gid)
    guard mode != nil || inode.attributes[Model.Inode.capabilityName] != nil else { return false }
    change(id, [.changed]) { inode in
      if let mode { inode.mode = inode.type | mode }
      inode.dropCapability()
    }
    return true
  }

  mutating func copy(
    _ source: NodeID, offset: UInt64, to destination: NodeID, offset target: UInt64, length: UInt64,
    _ caller: Caller = Caller()
  ) throws(POSIXError) -> UInt64 {
    let from = try file(source)
    let to = try file(destination)
    if offset >= from.size || length == 0 { return 0 }
    let count = min(length, from.size - offset)
    try checkWritable(destination)
    if source == destination, offset < target + count, target < offset + count { throw POSIXError(EINVAL) }
    let shared = from.content.allocated(in: offset..<offset + count)
    let present = to.content.allocated(in: target..<target + count)
    try checkByteQuota(destination.volume, adding: shared - min(shared, present))
    change(destination, [.modified, .changed]) { inode in
      inode.content.copy(from: from.content, offset..<offset + count, to: target)
      if let mode = Self.withoutSetID(inode.mode, caller, group: inode.gid) { inode.mode = inode.type | mode }
      inode.dropCapability()
    }
    return count
  }
}

extension Model.Inode {
  static let capabilityName = [UInt8]("security.capability".utf8)

  mutating func dropCapability() { attributes[Self.capabilityName] = nil }
}

/// An access control list of the model: its entries as they are in the extended attribute.
struct ModelACL {
  static let accessName = [UInt8]("system.posix_acl_access".utf8)
  static let defaultName = [UInt8]("system.posix_acl_default".utf8)

  /// Tag, permissions, id.
  var entries: [(tag: UInt16, permissions: UInt32, id: UInt32)]

  init(entries: [(tag: UInt16, permissions: UInt32, id: UInt32)]) { self.entries = entries }

  /// Takes only what the tests write; nil for the rest.
  init?(_ bytes: [UInt8]?) {
    guard let bytes, bytes.count >= 28, bytes.count % 8 == 4, bytes[..<4] == [2, 0, 0, 0] else { return nil }
    entries = []
    for at in stride(from: 4, to: bytes.count, by: 8) {
      var id: UInt32 = 0
      for index in (4..<8).reversed() { id = id << 8 | UInt32(bytes[at + index]) }
      entries.append((tag: UInt16(bytes[at]), permissions: UInt32(bytes[at + 2]), id: id))
    }
  }

  var bytes: [UInt8] {
    var result: [UInt8] = [2, 0, 0, 0]
    for entry in entries {
      result += [UInt8(entry.tag), 0, UInt8(entry.permissions), 0]
      for shift in stride(from: UInt32(0), to: 32, by: 8) {
        result.append(UInt8(truncatingIfNeeded: entry.id >> shift))
      }
    }
    return result
  }

  /// Where the owner's, the group's and the others' bits are: with a mask the group's bits are the mask's.
  private var places: [(index: Int, shift: UInt32)] {
    let group = entries.firstIndex { $0.tag == 0x10 } ?? entries.firstIndex { $0.tag == 0x04 }!
    return [(entries.firstIndex { $0.tag == 0x01 }!, 6), (group, 3), (entries.firstIndex { $0.tag == 0x20 }!, 0)]
  }

  var mode: UInt32 {
    get { places.reduce(0) { $0 | entries[$1.index].permissions << $1.shift } }
    set { for place in places { entries[place.index].permissions = newValue >> place.shift & 7 } }
  }

  func limited(to permissions: UInt32) -> ModelACL {
    var result = self
    result.mode = mode & permissions
    return result
  }
}
