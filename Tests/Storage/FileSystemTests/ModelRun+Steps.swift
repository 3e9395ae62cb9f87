import Catalog
import Glibc
import TestSupport

@testable import FileSystem

// One random step.
extension ModelRun {
  func step() throws {
    switch random(1000) {
    case let number where number < 965: try operate(number)
    case 965..<985: try checkpoint()
    case 985..<990: try synchronize()
    case 990..<993: try compareAll()
    case 993..<996: try reopen()
    default: try kill(isTakeover: random(2) == 0)
    }
  }

  /// One random operation.
  private func operate(_ number: Int) throws {
    switch number {
    case 0..<130: try make()
    case 130..<160: try makeUnnamed()
    case 160..<220: try unlink()
    case 220..<320: try rename()
    case 320..<360: try link()
    case 360..<430: try setAttributes()
    case 430..<590: try write()
    case 590..<660: try allocate()
    case 660..<720: try copy()
    case 720..<790: try changeAttribute()
    case 790..<820: try list()
    case 820..<860: try seek()
    case 860..<890: try readSomewhere()
    case 890..<930: try forget()
    case 930..<945: try lookup()
    default: try changeVolumes()
    }
  }

  /// One random step, with more that reaches the disk and none that ends the process.
  func stepBeforePowerCut() throws {
    switch random(100) {
    case 0..<10: try synchronize()
    case 10..<20: try checkpoint()
    case 20..<26: try changeVolumes()
    case 26..<50: try write()
    default:
      // The steps up to changeVolumes.
      try operate(random(965))
    }
  }

  /// One random operation that can come while a checkpoint is being written.
  func stepWithinCheckpoint() throws {
    note("within the checkpoint:")
    switch random(4) {
    case 0: try write()
    case 1: try copy()
    case 2: try lookup()
    default: try operate(random(945))
    }
  }

  /// One random step on a disk that fails. Volumes are left alone: it takes several operations to make
  /// one, of which some may be done.
  func faultyStep() throws {
    do {
      switch random(100) {
      case 0..<5: try synchronize()
      case 5..<15: try checkpoint()
      case 15..<40: try write()
      default: try operate(random(945))
      }
    } catch let error as Disagreement {
      throw error
    } catch {
      note("  → \(error)")
    }
  }

  func random(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }

  // MARK: Choosing

  func volume() -> VolumeID {
    // Mostly one that can be written to.
    let ids = model.volumes.keys.sorted()
    for _ in 0..<3 {
      let id = ids[random(ids.count)]
      if !model.volumes[id]!.isSealed { return id }
    }
    return ids[random(ids.count)]
  }

  /// An inode that can be reached: it has a name, or the kernel a reference.
  private func node(in volume: VolumeID, where isWanted: (Model.Inode) -> Bool) -> NodeID? {
    let numbers = model.volumes[volume]!.inodes.filter {
      isWanted($0.value) && ($0.value.linkCount > 0 || references[NodeID(volume: volume, inode: $0.key)] != nil)
    }.keys.sorted()
    return numbers.isEmpty ? nil : NodeID(volume: volume, inode: numbers[random(numbers.count)])
  }

  private func anyNode() -> NodeID { node(in: volume()) { _ in true }! }

  private func directory(in volume: VolumeID) -> NodeID {
    if random(20) == 0 { return node(in: volume) { _ in true }! }
    return node(in: volume) { $0.isDirectory }!
  }

  private func file() -> NodeID {
    if random(30) == 0 { return anyNode() }
    for _ in 0..<5 { if let id = node(in: volume(), where: \.isRegular) { return id } }
    return anyNode()
  }

  private static let names: [[UInt8]] =
    "abcdefgh".utf8.map { [$0] } + [
      [UInt8](repeating: 0x78, count: 255), [0xFF, 0xFE], Array("Grüße 世界".utf8), Array("with space".utf8),
    ]

  private func name() -> [UInt8] {
    if random(60) == 0 {
      let bad: [[UInt8]] = [[], [0x2E], [0x2E, 0x2E], [UInt8](repeating: 0x79, count: 256), [0x61, 0x2F], [0x61, 0]]
      return bad[random(bad.count)]
    }
    return Self.names[random(Self.names.count)]
  }

  /// A name that is there, mostly.
  private func existingName(in directory: NodeID) -> [UInt8] {
    let names = (model.volumes[directory.volume]?.inodes[directory.inode]?.entries.keys).map {
      $0.sorted { $0.lexicographicallyPrecedes($1) }
    }
    guard let names, !names.isEmpty, random(15) != 0 else { return name() }
    return names[random(names.count)]
  }

  private func caller() -> Caller { Caller(uid: UInt32(random(3)), gid: UInt32(random(3))) }

  private func mode() -> UInt32 { random(4) == 0 ? UInt32(random(0o10000)) : 0o755 }

  // MARK: Names

  private func make() throws {
    let parent = directory(in: volume())
    let name = name()
    let types: [UInt32] = [
      FileType.regular, FileType.regular, FileType.regular, FileType.directory, FileType.directory, FileType.directory,
      FileType.symbolicLink, FileType.fifo, FileType.socket, FileType.characterDevice, FileType.blockDevice,
    ]
    var new = NewNode(mode: types[random(types.count)] | mode(), umask: UInt32(random(0o1000)))
    if new.mode & FileType.mask == FileType.symbolicLink {
      new.target = [UInt8](repeating: 0x74, count: 1 + random(4095))
    }
    if [FileType.characterDevice, FileType.blockDevice].contains(new.mode & FileType.mask) { new.device = 0x103 }
    let caller = caller()
    var made: NodeID?
    try both("make \(parent) \(shown(name)) mode \(String(new.mode, radix: 8)) umask \(String(new.umask, radix: 8))") {
      let attributes = try fileSystem.make(parent, name, new, caller)
      made = attributes.node
      return attributes.node
    } _: { model, id in
      try model.make(parent, name, new, caller, number: id?.inode ?? 0)
    }
    if let made { references[made, default: 0] += 1 }
  }

  private func makeUnnamed() throws {
    let parent = directory(in: volume())
    let new = NewNode(mode: FileType.regular | mode(), umask: 0o22)
    let caller = caller()
    var made: NodeID?
    try both("make unnamed in \(parent)") {
      made = try fileSystem.makeUnnamed(parent, new, caller).node
      return made!
    } _: { model, id in
      try model.make(parent, nil, new, caller, number: id?.inode ?? 0)
    }
    if let made { references[made, default: 0] += 1 }
  }

  private func unlink() throws {
    let parent = directory(in: volume())
    let name = existingName(in: parent)
    let target = try? model.lookup(parent, name)
    var isDirectory = random(10) == 0
    if let target, random(10) != 0 { isDirectory = try model.node(target).isDirectory }
    // The kernel has looked it up before.
    if let target { references[target, default: 0] += try reference(parent, name) }
    try both("\(isDirectory ? "rmdir" : "unlink") \(parent) \(shown(name))") {
      if isDirectory {
        try fileSystem.removeDirectory(parent, name, Caller())
      } else {
        try fileSystem.unlink(parent, name, Caller())
      }
    } _: { model, _ in
      try model.unlink(parent, name, directory: isDirectory)
    }
  }

  private func reference(_ parent: NodeID, _ name: [UInt8]) throws -> UInt64 {
    _ = try fileSystem.lookup(parent, name)
    return 1
  }

  private func rename() throws {
    let volume = volume()
    let parent = directory(in: volume)
    let newParent = directory(in: random(30) == 0 ? self.volume() : volume)
    let name = existingName(in: parent)
    let newName = random(2) == 0 ? existingName(in: newParent) : self.name()
    let flags: RenameFlags =
      switch random(12) {
      case 0, 1: .exchange
      case 2: .noReplace
      case 3: .whiteout
      case 4: [.whiteout, .noReplace]
      case 5: [.exchange, .noReplace]
      default: []
      }
    for (directory, name) in [(parent, name), (newParent, newName)] {
      if let target = try? model.lookup(directory, name) {
        references[target, default: 0] += try reference(directory, name)
      }
    }
    try both("rename \(parent) \(shown(name)) to \(newParent) \(shown(newName)) flags \(flags.rawValue)") {
      try fileSystem.rename(parent, name, to: newParent, newName, flags, Caller())
      guard flags.contains(.whiteout), let left = try? fileSystem.lookup(parent, name) else { return UInt64(0) }
      references[left.node, default: 0] += 1
      return left.node.inode
    } _: { model, whiteout in
      try model.rename(parent, name, to: newParent, newName, flags, whiteout: whiteout ?? 0)
    }
  }

  private func link() throws {
    let volume = volume()
    let target = node(in: volume) { !$0.isDirectory } ?? anyNode()
    let parent = directory(in: random(30) == 0 ? self.volume() : volume)
    let name = name()
    try both("link \(target) to \(parent) \(shown(name))") {
      let attributes = try fileSystem.link(target, to: parent, name, Caller())
      references[attributes.node, default: 0] += 1
      return attributes.linkCount
    } _: { model, count in
      try model.link(target, to: parent, name)
      if count != (try model.node(target).linkCount) { throw Disagreement(description: "link count \(count ?? 0)") }
    }
  }

  private func lookup() throws {
    let parent = directory(in: volume())
    let name = random(2) == 0 ? existingName(in: parent) : self.name()
    // The kernel asks for these only after a restart, and the model does not know the answer.
    if name == [0x2E] || name == [0x2E, 0x2E] { return }
    var found: NodeID?
    try both("lookup \(parent) \(shown(name))") {
      found = try fileSystem.lookup(parent, name).node
      return found!
    } _: { model, id in
      let expected = try model.lookup(parent, name)
      if let id, id != expected { throw Disagreement(description: "lookup finds \(id) instead of \(expected)") }
    }
    if let found { references[found, default: 0] += 1 }
  }

  private func forget() throws {
    let ids = references.keys.sorted { $0.rawValue < $1.rawValue }
    guard !ids.isEmpty else { return }
    let id = ids[random(ids.count)]
    let count = references[id]!
    note("forget \(id) \(count)")
    fileSystem.forget(id, count: max(1, count))
    // It answers nothing, not even an error.
    if store.isDead { throw POSIXError(EIO) }
    // It may not have been able to release the inode, and has nobody to tell.
    if !isFaulty || (try? fileSystem.attributes(id)) == nil { model.forget(id) }
    references[id] = model.volumes[id.volume]?.inodes[id.inode] == nil ? nil : 0
    remember()
  }

  /// Lists a directory a few names at a time while it changes: names that were there all the time
  /// must come once, others at most once.
  private func list() throws {
    let parent = node(in: volume()) { $0.isDirectory }!
    note("list \(parent)")
    let before = Set(try model.node(parent).entries.keys)
    var seen: [[UInt8]: Int] = [:]
    var cookie: UInt64 = 0
    while true {
      var count = 0
      try fileSystem.list(parent, after: cookie) { entry in
        seen[entry.name, default: 0] += 1
        cookie = entry.cookie
        count += 1
        return count < 3
      }
      if count < 3 { break }
      switch random(3) {
      case 0: try make()
      case 1: try unlink()
      default: try rename()
      }
      if model.volumes[parent.volume]?.inodes[parent.inode] == nil { return }
    }
    if let twice = seen.first(where: { $0.value > 1 && before.contains($0.key) }), before.contains(twice.key) {
      let isStill = try model.node(parent).entries[twice.key] != nil
      if isStill { throw Disagreement(description: "\(twice.key) is listed \(twice.value) times") }
    }
  }

  // MARK: Attributes

  private func setAttributes() throws {
    let id = random(2) == 0 ? file() : anyNode()
    var change = AttributeChange()
    if random(3) == 0 { change.mode = UInt32(random(0o10000)) }
    if random(4) == 0 { change.uid = UInt32(random(5)) }
    if random(4) == 0 { change.gid = UInt32(random(5)) }
    if random(3) == 0 { change.size = size(id) }
    if random(4) == 0 { change.accessed = random(2) == 0 ? .now : .at(Int64(random(1 << 40))) }
    if random(4) == 0 { change.modified = random(2) == 0 ? .now : .at(-Int64(random(1 << 40))) }
    if random(8) == 0 { change.clearSetID = true }
    try both("set \(id) \(change)") {
      _ = try fileSystem.setAttributes(id, change, Caller())
    } _: { model, _ in
      try model.setAttributes(id, change)
    }
    if change.size != nil { try compareAround(id, change.size!) }
  }

  /// Around the end of the file, its pages' borders, or anywhere.
  private func size(_ id: NodeID) -> UInt64 {
    let size = (try? model.node(id).content.size) ?? 0
    switch random(10) {
    case 0: return 0
    case 1: return size
    case 2...5: return size / UInt64(1 + random(4)) + UInt64(random(9000))
    case 6: return UInt64(1 + random(2)) * ExtentPage.span - 5000 + UInt64(random(10000))
    case 7: return UInt64(random(6000))
    default: return size + UInt64(random(300_000))
    }
  }

  private func changeAttribute() throws {
    let id = anyNode()
    let names = ["user.a", "user.b", "trusted.c", "security.capability"].map { [UInt8]($0.utf8) }
    var name = names[random(names.count)]
    var value = Array(Self.pool[..<random(random(20) == 0 ? 65537 : 100)])
    let isACL = random(3) == 0
    if isACL {
      name = random(2) == 0 ? ModelACL.accessName : ModelACL.defaultName
      value = accessControlList().bytes
      if random(20) == 0 { value.append(0) }
    }
    if random(4) == 0 {
      return try both("remove attribute \(shown(name)) of \(id)") {
        try fileSystem.removeExtendedAttribute(id, name, Caller())
      } _: { model, _ in
        try model.removeAttribute(id, name)
      }
    }
    let modes: [ExtendedAttributeMode] = [.any, .any, .createOnly, .replaceOnly]
    let mode = modes[random(4)]
    let clear = random(4) == 0
    // The kernel sets no ACL on a symbolic link.
    if isACL, try model.node(id).type == FileType.symbolicLink { return }
    try both("set attribute \(String(decoding: name, as: UTF8.self)) of \(id) to \(value.count) bytes, \(mode)") {
      try value.withUnsafeBytes {
        try fileSystem.setExtendedAttribute(id, name, $0, mode, clearSetGroupID: clear, Caller())
      }
    } _: { model, _ in
      try model.setAttribute(id, name, value, mode, clearSetGroupID: clear)
    }
  }

  private func accessControlList() -> ModelACL {
    var entries: [(tag: UInt16, permissions: UInt32, id: UInt32)] = [(0x01, UInt32(random(8)), .max)]
    let isNamed = random(3) != 0
    if isNamed { entries.append((0x02, UInt32(random(8)), UInt32(random(100)))) }
    entries.append((0x04, UInt32(random(8)), .max))
    if isNamed { entries.append((0x10, UInt32(random(8)), .max)) }
    entries.append((0x20, UInt32(random(8)), .max))
    return ModelACL(entries: entries)
  }

  // MARK: Content

  private func write() throws {
    let id = file()
    let bytes = randomContent()
    let offset = size(id)
    let clear = random(4) == 0
    try both("write \(bytes.count) bytes to \(id) at \(offset)") {
      try bytes.withUnsafeBytes {
        try fileSystem.write(id, offset: offset, bytes: $0, clearSetID: clear, Caller())
      }
    } _: { model, _ in
      try model.write(id, bytes, at: offset, clearSetID: clear)
    }
    try compareAround(id, offset)
  }

  private func compareAround(_ id: NodeID, _ offset: UInt64) throws {
    guard let inode = try? model.node(id), inode.isRegular else { return }
    try compareContent(id, offset - min(offset, 10_000)..<offset + 90_000)
  }

  private func allocate() throws {
    let id = file()
    var offset = size(id)
    var length = random(30) == 0 ? 0 : UInt64(1 + random(random(5) == 0 ? 20 << 20 : 200_000))
    let modes: [AllocationMode] = [
      .allocate(keepSize: false), .allocate(keepSize: true), .punchHole, .punchHole, .zeroRange(keepSize: false),
      .zeroRange(keepSize: true), .collapseRange, .collapseRange, .insertRange, .insertRange,
    ]
    let mode = modes[random(modes.count)]
    switch mode {
    case .collapseRange, .insertRange:
      if random(10) != 0 {
        offset = offset / 2 / 4096 * 4096
        length = max(1, length / 8 / 4096) * 4096
      }
      // Files stay of a size that the model can bear.
      if case .insertRange = mode, (try? model.node(id).content.size) ?? 0 > 60 << 20 { return }
    default: break
    }
    let caller = caller()
    var cleared = model
    let clears = (try? cleared.clearPrivileges(id, caller)) ?? false
    let last = lastSequence
    try both("allocate \(mode) \(id) at \(offset), \(length) bytes") {
      try fileSystem.allocate(id, mode, offset: offset, length: length, caller)
    } _: { model, _ in
      try model.allocate(id, mode, offset..<offset + length, caller)
    }
    if clears, lastSequence > last {
      // Privileges go by a record of their own: the power may be cut, or the disk fail, between it and the next.
      cleared.volumes[id.volume]!.inodes[id.inode]!.times.changed = try attributes(id).changed
      remember(cleared, after: last + 1)
    }
    try compareAround(id, offset)
    try compareAround(id, offset + length)
  }

  private func copy() throws {
    let source = file()
    let destination = random(3) == 0 ? source : file()
    let offset = size(source) / 2
    let target = size(destination)
    let length = UInt64(random(random(4) == 0 ? 20 << 20 : 300_000))
    let caller = caller()
    try both("copy \(length) bytes of \(source) at \(offset) to \(destination) at \(target)") {
      try fileSystem.copyRange(source, offset: offset, to: destination, offset: target, length: length, caller).count
    } _: { model, count in
      let expected = try model.copy(source, offset: offset, to: destination, offset: target, length: length, caller)
      if let count, count != expected {
        throw Disagreement(description: "\(count) bytes copied instead of \(expected)")
      }
    }
    try compareAround(destination, target)
  }

  private func readSomewhere() throws {
    let id = file()
    guard try model.node(id).isRegular else { return }
    let offset = size(id)
    note("read \(id) at \(offset)")
    try compareContent(id, offset..<offset + UInt64(1 + random(500_000)))
  }

  /// Which zeros are holes is the file system's choice; that nothing else is must hold.
  private func seek() throws {
    let id = file()
    guard let inode = try? model.node(id), inode.isRegular else { return }
    let from = size(id)
    note("seek \(id) from \(from)")
    let size = inode.content.size
    let data: UInt64
    do throws(POSIXError) { data = try fileSystem.seek(id, .data, from: from) } catch {
      if isFaulty && error.code == EIO { throw error }
      guard error.code == ENXIO, from >= size || inode.content.isZero(from..<size) else {
        throw Disagreement(description: "seek data in \(id) from \(from): errno \(error.code)")
      }
      data = size
    }
    if from < size {
      guard data >= from, data <= size, inode.content.isZero(from..<data) else {
        throw Disagreement(description: "data of \(id) from \(from) is said to begin at \(data)")
      }
      let hole = try fileSystem.seek(id, .hole, from: from)
      guard hole >= from, hole <= size, hole == size || inode.content.isZero(hole..<hole + 1) else {
        throw Disagreement(description: "a hole of \(id) from \(from) is said to begin at \(hole)")
      }
    }
  }
}
