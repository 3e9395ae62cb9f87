import CFuse3
import CFuseShim
import Fuse
import Glibc
import Linux

/// Reads requests and answers them, in one thread.
final class NullWorker {
  private static let page = 4096
  private static let largest = 1 << 20
  private static let large = 128 << 10
  private static let headerSize = MemoryLayout<fuse_in_header>.size
  private static let replyHeaderSize = MemoryLayout<fuse_out_header>.size
  private static let cacheSeconds: UInt64 = 86_400

  private let descriptor: Int32
  private let receiver: RequestReceiver
  private let tree: Monitor<NullTree>
  /// nil: what is written is thrown away.
  private let store: NullStore?
  private let request: UnsafeMutableRawBufferPointer
  /// The answer's header stands right before the payload, so that an answer is one write.
  private let reply: UnsafeMutableRawBufferPointer
  private let payload: UnsafeMutableRawPointer
  /// Another one, whose payload stays zero.
  private let zeros: UnsafeMutableRawPointer

  init(descriptor: Int32, receiver: RequestReceiver, tree: Monitor<NullTree>, store: NullStore?) {
    self.descriptor = descriptor
    self.receiver = receiver
    self.tree = tree
    self.store = store
    request = .allocate(byteCount: Self.largest + 2 * Self.page, alignment: Self.page)
    reply = .allocate(byteCount: Self.largest + Self.page, alignment: Self.page)
    payload = reply.baseAddress! + Self.page
    let zeroed = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.largest + Self.page, alignment: Self.page)
    memset(request.baseAddress!, 0, request.count)
    memset(reply.baseAddress!, 0, reply.count)
    memset(zeroed.baseAddress!, 0, zeroed.count)
    zeros = zeroed.baseAddress! + Self.page
  }

  /// Returns when the file system has been unmounted.
  func serve() {
    // Before a worker waits for the disk.
    Waiting.onThisThread { [receiver] isBrief in
      if isBrief { receiver.passToOthers() } else { receiver.pass() }
    }
    while let bytes = try? receiver.next(into: request) {
      guard bytes.count >= Self.headerSize else { continue }
      let header = request.load(as: fuse_in_header.self)
      do throws(NullError) {
        if let (size, from) = try answer(header) { send(header.unique, 0, size, from) }
      } catch {
        send(header.unique, -error.code, 0, payload)
      }
    }
  }

  private func send(_ unique: UInt64, _ error: Int32, _ size: Int, _ payload: UnsafeMutableRawPointer) {
    let start = payload - Self.replyHeaderSize
    start.storeBytes(
      of: fuse_out_header(len: UInt32(Self.replyHeaderSize + size), error: error, unique: unique),
      as: fuse_out_header.self)
    _ = write(descriptor, start, Self.replyHeaderSize + size)
  }

  // MARK: - What a request asks for

  private func argument<T: BitwiseCopyable>(_ type: T.Type) -> T {
    request.loadUnaligned(fromByteOffset: Self.headerSize, as: type)
  }

  /// The string that begins so many bytes behind the header.
  private func name(_ offset: Int) -> [UInt8] {
    let start = request.baseAddress! + Self.headerSize + offset
    return [UInt8](UnsafeRawBufferPointer(start: start, count: strlen(start)))
  }

  private func name<T>(after type: T.Type) -> [UInt8] { name(MemoryLayout<T>.size) }

  private func stored(_ body: () throws(SystemError) -> Void) throws(NullError) {
    do throws(SystemError) {
      try body()
    } catch {
      throw NullError(error.code)
    }
  }

  private func answer<T: BitwiseCopyable>(_ value: T) -> (Int, UnsafeMutableRawPointer) {
    payload.storeBytes(of: value, as: T.self)
    return (MemoryLayout<T>.size, payload)
  }

  /// nil: not to be answered.
  private func answer(_ header: fuse_in_header) throws(NullError) -> (Int, UnsafeMutableRawPointer)? {
    let nothing = (0, payload)
    switch fuse_opcode(header.opcode) {
    case FUSE_LOOKUP:
      let name = name(0)
      return answer(tree.withLock { tree in entry(tree.child(tree.node(header.nodeid), name)) })
    case FUSE_GETATTR: return answer(tree.withLock { attributes($0.node(header.nodeid)) })
    case FUSE_SETATTR: return answer(tree.withLock { change($0.node(header.nodeid), argument(fuse_setattr_in.self)) })
    case FUSE_FORGET, FUSE_BATCH_FORGET: return nil

    case FUSE_READ:
      let range = argument(fuse_read_in.self)
      let (size, number) = tree.withLock { tree in
        let node = tree.node(header.nodeid)
        return (node.attributes.size, node.number)
      }
      let count = Int(min(UInt64(range.size), size - min(size, range.offset)))
      guard let store else { return (count, zeros) }
      // The kernel reads ahead by several of these at once.
      if count >= Self.large { receiver.pass() }
      let content = UnsafeMutableRawBufferPointer(start: payload, count: count)
      try stored { () throws(SystemError) in try store.read(file: number, offset: range.offset, into: content) }
      return (count, payload)
    case FUSE_WRITE:
      let range = argument(fuse_write_in.self)
      if let store {
        let start = request.baseAddress! + Self.headerSize + MemoryLayout<fuse_write_in>.size
        let bytes = UnsafeRawBufferPointer(start: start, count: Int(range.size))
        try stored { () throws(SystemError) in try store.append(bytes) }
      }
      tree.withLock { tree in grow(tree.node(header.nodeid), to: range.offset + UInt64(range.size)) }
      return answer(fuse_write_out(size: range.size, padding: 0))
    case FUSE_COPY_FILE_RANGE:
      let range = argument(fuse_copy_file_range_in.self)
      let count = min(range.len, UInt64(UInt32.max) & ~4095)
      return answer(fuse_write_out(size: UInt32(copy(header, range, count)), padding: 0))
    case FUSE_FSYNC, FUSE_FSYNCDIR:
      if let store { try stored { () throws(SystemError) in try store.sync() } }
      return nothing

    case FUSE_MKNOD:
      let detail = argument(fuse_mknod_in.self)
      return try make(
        header, name(after: fuse_mknod_in.self), mode: detail.mode & ~(detail.umask & 0o777), device: detail.rdev)
    case FUSE_MKDIR:
      let detail = argument(fuse_mkdir_in.self)
      return try make(
        header, name(after: fuse_mkdir_in.self), mode: detail.mode & 0o7777 & ~(detail.umask & 0o777) | S_IFDIR)
    case FUSE_SYMLINK:
      let name = name(0)
      return try make(header, name, mode: S_IFLNK | 0o777, target: self.name(name.count + 1))
    case FUSE_READLINK:
      let target = tree.withLock { $0.node(header.nodeid).target }
      target.withUnsafeBytes { payload.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
      return (target.count, payload)
    case FUSE_UNLINK, FUSE_RMDIR:
      let name = name(0)
      let isDirectory = header.opcode == FUSE_RMDIR.rawValue
      try tree.withLock { (tree) throws(NullError) in
        try tree.remove(tree.node(header.nodeid), name, isDirectory: isDirectory)
      }
      return nothing
    case FUSE_RENAME: return try rename(header, argument(fuse_rename_in.self).newdir, flags: 0, fuse_rename_in.self)
    case FUSE_RENAME2:
      let detail = argument(fuse_rename2_in.self)
      return try rename(header, detail.newdir, flags: detail.flags, fuse_rename2_in.self)

    case FUSE_READDIR, FUSE_READDIRPLUS:
      let range = argument(fuse_read_in.self)
      let plus = header.opcode == FUSE_READDIRPLUS.rawValue
      let size = tree.withLock { list($0.node(header.nodeid), from: range.offset, room: Int(range.size), plus: plus) }
      return (size, payload)

    case FUSE_STATFS:
      var space = fuse_statfs_out()
      space.st.bsize = 4096
      space.st.frsize = 4096
      space.st.blocks = 1 << 30
      space.st.bfree = 1 << 30
      space.st.bavail = 1 << 30
      space.st.namelen = 255
      return answer(space)
    case FUSE_GETXATTR, FUSE_REMOVEXATTR: throw NullError(ENODATA)
    case FUSE_LISTXATTR:
      return argument(fuse_getxattr_in.self).size == 0 ? answer(fuse_getxattr_out(size: 0, padding: 0)) : nothing
    case FUSE_SETXATTR: throw NullError(EOPNOTSUPP)
    case FUSE_LINK: throw NullError(EPERM)
    case FUSE_IOCTL: throw NullError(ENOTTY)
    case FUSE_RELEASE, FUSE_RELEASEDIR, FUSE_DESTROY: return nothing
    // OPEN, OPENDIR, FLUSH, CREATE and ACCESS among them: told once, the kernel does without.
    default: break
    }
    if Int(header.opcode) == CAIRN_FUSE_COPY_FILE_RANGE_64 {
      let range = argument(fuse_copy_file_range_in.self)
      return answer(cairn_fuse_copy_file_range_out(bytes_copied: copy(header, range, range.len)))
    }
    throw NullError(ENOSYS)
  }

  // MARK: - Names

  private func make(
    _ header: fuse_in_header, _ name: [UInt8], mode: UInt32, device: UInt32 = 0, target: [UInt8] = []
  ) throws(NullError) -> (Int, UnsafeMutableRawPointer) {
    let entry = try tree.withLock { (tree) throws(NullError) in
      let node = NullNode(mode: mode, uid: header.uid, gid: header.gid, device: device, target: target)
      try tree.add(node, to: tree.node(header.nodeid), name)
      return self.entry(node)
    }
    return answer(entry)
  }

  private func rename<T>(
    _ header: fuse_in_header, _ directory: UInt64, flags: UInt32, _ type: T.Type
  ) throws(NullError) -> (Int, UnsafeMutableRawPointer) {
    let noReplace: UInt32 = 1
    guard flags & ~noReplace == 0 else { throw NullError(EINVAL) }
    let from = name(after: type)
    let to = name(MemoryLayout<T>.size + from.count + 1)
    try tree.withLock { (tree) throws(NullError) in
      try tree.rename(tree.node(header.nodeid), from, to: tree.node(directory), to, noReplace: flags != 0)
    }
    return (0, payload)
  }

  /// Lays out entries from a cookie on: the place of the last entry given, behind `.` and `..`.
  private func list(_ directory: NullNode, from cookie: UInt64, room: Int, plus: Bool) -> Int {
    var used = 0
    func append(_ name: some Collection<UInt8>, _ node: NullNode, isDot: Bool, _ cookie: Int) -> Bool {
      var place = payload + used
      let size = (plus ? MemoryLayout<fuse_entry_out>.size : 0) + (24 + name.count + 7) & ~7
      guard used + size <= min(room, Self.largest) else { return false }
      if plus {
        place.storeBytes(of: isDot ? fuse_entry_out() : entry(node), as: fuse_entry_out.self)
        place += MemoryLayout<fuse_entry_out>.size
      }
      place.storeBytes(of: node.attributes.ino, as: UInt64.self)
      place.storeBytes(of: UInt64(cookie), toByteOffset: 8, as: UInt64.self)
      place.storeBytes(of: UInt32(name.count), toByteOffset: 16, as: UInt32.self)
      place.storeBytes(of: node.attributes.mode >> 12 & 0xF, toByteOffset: 20, as: UInt32.self)
      let text = UnsafeMutableRawBufferPointer(start: place + 24, count: size - (place - payload - used) - 24)
      text.copyBytes(from: name)
      for index in name.count..<text.count { text[index] = 0 }
      used += size
      return true
    }
    if cookie < 1, !append(".".utf8, directory, isDot: true, 1) { return used }
    if cookie < 2, !append("..".utf8, directory.parent ?? directory, isDot: true, 2) { return used }
    let first = max(Int(cookie) - 2, 0)
    guard first < directory.entries.count else { return used }
    for index in first..<directory.entries.count {
      guard let (name, node) = directory.entries[index] else { continue }
      if !append(name, node, isDot: false, index + 3) { break }
    }
    return used
  }

  // MARK: - Attributes

  private func entry(_ node: NullNode?) -> fuse_entry_out {
    var entry = fuse_entry_out()
    entry.entry_valid = Self.cacheSeconds
    guard let node else { return entry }
    entry.nodeid = node.attributes.ino
    entry.attr_valid = Self.cacheSeconds
    entry.attr = node.attributes
    return entry
  }

  private func attributes(_ node: NullNode) -> fuse_attr_out {
    var result = fuse_attr_out()
    result.attr_valid = Self.cacheSeconds
    result.attr = node.attributes
    return result
  }

  private func change(_ node: NullNode, _ detail: fuse_setattr_in) -> fuse_attr_out {
    func has(_ flag: Int32) -> Bool { detail.valid & UInt32(flag) != 0 }
    if has(FATTR_MODE) { node.attributes.mode = node.attributes.mode & S_IFMT | detail.mode & 0o7777 }
    if has(FATTR_UID) { node.attributes.uid = detail.uid }
    if has(FATTR_GID) { node.attributes.gid = detail.gid }
    if has(FATTR_SIZE) { node.setSize(detail.size) }
    let now = NullNode.now()
    if has(FATTR_ATIME) {
      (node.attributes.atime, node.attributes.atimensec) =
        has(FATTR_ATIME_NOW) ? now : (detail.atime, detail.atimensec)
    }
    if has(FATTR_MTIME) {
      (node.attributes.mtime, node.attributes.mtimensec) =
        has(FATTR_MTIME_NOW) ? now : (detail.mtime, detail.mtimensec)
    }
    (node.attributes.ctime, node.attributes.ctimensec) = now
    return attributes(node)
  }

  private func grow(_ node: NullNode, to size: UInt64) {
    if size > node.attributes.size { node.setSize(size) }
    node.touch()
  }

  /// Returns how much was copied, which is nothing at the end of the source.
  private func copy(_ header: fuse_in_header, _ range: fuse_copy_file_range_in, _ count: UInt64) -> UInt64 {
    tree.withLock { tree in
      let size = tree.node(header.nodeid).attributes.size
      let count = min(count, size - min(size, range.off_in))
      grow(tree.node(range.nodeid_out), to: range.off_out + count)
      return count
    }
  }
}
