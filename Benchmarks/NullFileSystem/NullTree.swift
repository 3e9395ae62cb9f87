import CFuse3
import Glibc

/// An error number, as the kernel is told it.
struct NullError: Error {
  let code: Int32
  init(_ code: Int32) { self.code = code }
}

/// A file or directory. Its node id is its address, so that none has to be looked up; none is ever freed, which a
/// benchmark survives.
final class NullNode {
  var attributes: fuse_attr
  /// How many were made before it.
  var number = 0
  var target: [UInt8]
  /// Of a directory.
  var names: [[UInt8]: Int] = [:]
  /// What ``names`` leads to. What was removed leaves a gap, so that places are cookies of listings.
  var entries: [(name: [UInt8], node: NullNode)?] = []
  unowned(unsafe) var parent: NullNode?

  init(mode: UInt32, uid: UInt32, gid: UInt32, device: UInt32 = 0, target: [UInt8] = []) {
    attributes = fuse_attr()
    self.target = target
    attributes.mode = mode
    attributes.uid = uid
    attributes.gid = gid
    attributes.rdev = device
    attributes.nlink = mode & S_IFMT == S_IFDIR ? 2 : 1
    attributes.size = UInt64(target.count)
    attributes.blksize = 65_536
    let now = Self.now()
    (attributes.atime, attributes.atimensec) = now
    (attributes.mtime, attributes.mtimensec) = now
    (attributes.ctime, attributes.ctimensec) = now
  }

  var isDirectory: Bool { attributes.mode & S_IFMT == S_IFDIR }

  func touch() {
    let now = Self.now()
    (attributes.mtime, attributes.mtimensec) = now
    (attributes.ctime, attributes.ctimensec) = now
  }

  func setSize(_ size: UInt64) {
    attributes.size = size
    attributes.blocks = (size + 511) / 512
  }

  static func now() -> (UInt64, UInt32) {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME_COARSE, &time)
    return (UInt64(time.tv_sec), UInt32(time.tv_nsec))
  }
}

/// All names. Used under a lock.
final class NullTree {
  private let root: NullNode
  private var count = 0

  init() {
    root = NullNode(mode: S_IFDIR | 0o755, uid: 0, gid: 0)
    root.attributes.ino = UInt64(FUSE_ROOT_ID)
    root.parent = root
  }

  /// Node ids come from the kernel, which has them from here.
  func node(_ id: UInt64) -> NullNode {
    if id == UInt64(FUSE_ROOT_ID) { return root }
    return Unmanaged<NullNode>.fromOpaque(UnsafeRawPointer(bitPattern: UInt(id))!).takeUnretainedValue()
  }

  func child(_ directory: NullNode, _ name: [UInt8]) -> NullNode? {
    directory.names[name].flatMap { directory.entries[$0]?.node }
  }

  func add(_ node: NullNode, to directory: NullNode, _ name: [UInt8]) throws(NullError) {
    guard directory.names[name] == nil else { throw NullError(EEXIST) }
    node.number = count
    count += 1
    node.attributes.ino = UInt64(UInt(bitPattern: Unmanaged.passRetained(node).toOpaque()))
    insert(node, in: directory, name)
  }

  func remove(_ directory: NullNode, _ name: [UInt8], isDirectory: Bool) throws(NullError) {
    guard let node = child(directory, name) else { throw NullError(ENOENT) }
    guard node.isDirectory == isDirectory else { throw NullError(isDirectory ? ENOTDIR : EISDIR) }
    guard node.names.isEmpty else { throw NullError(ENOTEMPTY) }
    take(name, from: directory)
    node.attributes.nlink -= isDirectory ? 2 : 1
  }

  func rename(
    _ directory: NullNode, _ name: [UInt8], to other: NullNode, _ newName: [UInt8], noReplace: Bool
  ) throws(NullError) {
    guard let node = child(directory, name) else { throw NullError(ENOENT) }
    if let old = child(other, newName) {
      if noReplace { throw NullError(EEXIST) }
      if old === node { return }
      try remove(other, newName, isDirectory: node.isDirectory)
    }
    take(name, from: directory)
    insert(node, in: other, newName)
  }

  private func insert(_ node: NullNode, in directory: NullNode, _ name: [UInt8]) {
    directory.names[name] = directory.entries.count
    directory.entries.append((name, node))
    node.parent = directory
    if node.isDirectory { directory.attributes.nlink += 1 }
    directory.touch()
  }

  private func take(_ name: [UInt8], from directory: NullNode) {
    guard let place = directory.names.removeValue(forKey: name), let node = directory.entries[place]?.node else {
      return
    }
    directory.entries[place] = nil
    if directory.names.isEmpty { directory.entries = [] }
    if node.isDirectory { directory.attributes.nlink -= 1 }
    directory.touch()
  }
}
