import CFuse3
import CFuseShim
import FileSystem
import Glibc
import TestSupport

/// Makes requests as the kernel would, and such as it never would.
struct RequestMaker {
  private static let opcodes: [UInt32] = Array(1...53)

  var generator: SeededGenerator
  /// Of a few directories and other files that answers named, the numbers.
  private var directories: [UInt64]
  private var files: [UInt64] = []
  /// Names that were made, and in which directory.
  private var places: [(parent: UInt64, name: [UInt8])] = []
  /// What ``name()`` returns next.
  private var knownName: [UInt8]?
  private var names: [[UInt8]] = [Array("a".utf8), Array("dir".utf8), Array("storage".utf8)]
  private var unique: UInt64 = 0

  init(seed: UInt64, directories: [UInt64]) {
    generator = SeededGenerator(seed: seed)
    self.directories = directories
  }

  /// What an answer to a request named.
  mutating func learn(_ node: UInt64, mode: UInt32, parent: UInt64, name: [UInt8]?) {
    guard node != 0 else { return }
    let isDirectory = mode & FileType.mask == FileType.directory
    var list = isDirectory ? directories : files
    if list.count < 12 { list.append(node) } else { list[random(list.count)] = node }
    if isDirectory { directories = list } else { files = list }
    guard let name else { return }
    if places.count < 12 { places.append((parent, name)) } else { places[random(places.count)] = (parent, name) }
  }

  mutating func random(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }

  // MARK: Values

  /// Mostly one that exists, of the kind wanted.
  private mutating func node(isDirectory: Bool) -> UInt64 {
    switch random(40) {
    case 0: generator.next()
    case 1: [0, 1, .max, 1 << 40, 1 << 63, (1 << 40) - 1].randomElement(using: &generator) ?? 0
    case 2: (directories + files).randomElement(using: &generator) ?? 1
    default: (isDirectory ? directories : files).randomElement(using: &generator) ?? 1
    }
  }

  /// The node that a request is about; for one of a name that should exist, the name is remembered.
  private mutating func subject(_ opcode: UInt32) -> UInt64 {
    let named = [FUSE_LOOKUP, FUSE_UNLINK, FUSE_RMDIR, FUSE_RENAME, FUSE_RENAME2].map(\.rawValue)
    if named.contains(opcode), random(5) > 0, let place = places.randomElement(using: &generator) {
      knownName = place.name
      return place.parent
    }
    let ofDirectories = [
      FUSE_LOOKUP, FUSE_MKNOD, FUSE_MKDIR, FUSE_SYMLINK, FUSE_TMPFILE, FUSE_UNLINK, FUSE_RMDIR, FUSE_RENAME,
      FUSE_RENAME2, FUSE_LINK, FUSE_READDIR, FUSE_READDIRPLUS, FUSE_FSYNCDIR,
    ].map(\.rawValue)
    return node(isDirectory: ofDirectories.contains(opcode))
  }

  /// A number at which arithmetic goes wrong, or near it.
  private mutating func edge() -> UInt64 {
    let edges: [UInt64] = [
      0, 4096, 65_536, 1 << 20, 1 << 24, 1 << 31, 1 << 32, 1 << 40, (1 << 63) - (1 << 24), 1 << 63, .max,
    ]
    let edge = edges[random(edges.count)]
    return edge &+ [0, 1, 2, 4096, .max, .max - 1][random(6)]
  }

  private mutating func offset() -> UInt64 {
    switch random(4) {
    case 0: edge()
    case 1: UInt64(random(1 << 34))
    default: UInt64(random(300_000))
    }
  }

  private mutating func size(_ most: Int) -> UInt32 {
    switch random(6) {
    case 0: UInt32(truncatingIfNeeded: edge())
    case 1: UInt32(random(64))
    default: UInt32(random(most))
    }
  }

  private mutating func word() -> UInt32 {
    random(2) == 0 ? UInt32(truncatingIfNeeded: edge()) : UInt32(truncatingIfNeeded: generator.next())
  }

  /// Mostly one of few, so that names meet.
  private mutating func name() -> [UInt8] {
    if let known = knownName {
      knownName = nil
      return known
    }
    switch random(16) {
    case 0: return generator.bytes(random(4097))
    case 1: return [UInt8](repeating: 0x61, count: [0, 1, 254, 255, 256, 4095, 4096][random(7)])
    case 2:
      return [
        Array(".".utf8), Array("..".utf8), Array("/".utf8), Array("a/b".utf8), [0xFF, 0xC0], [0x0A], [0x7F],
      ][random(7)]
    case 3:
      let new = generator.bytes(1 + random(20)).map { $0 == 0 || $0 == 0x2F ? 0x5F : $0 }
      names.append(new)
      return new
    default: return names[random(names.count)]
    }
  }

  private mutating func mode() -> UInt32 {
    let types: [UInt32] = [
      FileType.regular, FileType.regular, FileType.directory, FileType.symbolicLink, FileType.fifo, FileType.socket,
      FileType.blockDevice, FileType.characterDevice, 0, 0o150000,
    ]
    return types[random(types.count)] | UInt32(random(0o10000))
  }

  private mutating func attribute() -> [UInt8] {
    let names = [
      "user.a", "user.b", "security.capability", "system.posix_acl_access", "system.posix_acl_default", "user.", "",
      "x",
    ]
    return random(8) == 0 ? name() : Array(names[random(names.count)].utf8)
  }

  /// Mostly an access control list, well-formed or nearly.
  private mutating func value() -> [UInt8] {
    if random(3) == 0 { return generator.bytes(random(random(10) == 0 ? 70_000 : 100)) }
    var bytes: [UInt8] = [2, 0, 0, 0]
    for tag: UInt8 in [1, 2, 4, 8, 0x10, 0x20] where random(6) > 0 || tag == 1 {
      bytes += [tag, 0, UInt8(random(8)), 0, UInt8(random(4)), 0, 0, 0]
    }
    if random(5) == 0 { bytes[random(bytes.count)] = UInt8(random(256)) }
    return bytes
  }

  // MARK: Requests

  /// A request, most of them as the kernel makes them, some changed at random.
  mutating func next() -> [UInt8] {
    let opcode = random(30) == 0 ? word() : Self.opcodes[random(Self.opcodes.count)]
    knownName = nil
    let subject = subject(opcode)
    var bytes = arguments(of: opcode)
    if random(4) == 0 { damage(&bytes) }
    unique += 2
    var header = fuse_in_header()
    header.len = UInt32(MemoryLayout<fuse_in_header>.size + bytes.count)
    header.opcode = opcode
    header.unique = random(50) == 0 ? generator.next() : unique
    header.nodeid = subject
    header.uid = UInt32(random(3))
    header.gid = word()
    if random(100) == 0 { header.len = word() }
    return withUnsafeBytes(of: header) { [UInt8]($0) } + bytes
  }

  private mutating func damage(_ bytes: inout [UInt8]) {
    switch random(6) {
    case 0: bytes.removeLast(random(bytes.count + 1))
    case 1: bytes += generator.bytes(random(200))
    case 2: bytes = generator.bytes(random(300))
    case 3: for _ in 0..<8 where !bytes.isEmpty { bytes[random(bytes.count)] = UInt8(random(256)) }
    case 4: bytes = bytes.map { $0 == 0 ? 1 : $0 }
    default:
      guard bytes.count >= 8 else { return }
      let place = random(bytes.count / 8) * 8
      withUnsafeBytes(of: edge()) { bytes.replaceSubrange(place..<place + 8, with: $0) }
    }
  }

  private func raw<T: BitwiseCopyable>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { [UInt8]($0) } }

  private mutating func arguments(of opcode: UInt32) -> [UInt8] {
    switch fuse_opcode(opcode) {
    case FUSE_LOOKUP, FUSE_UNLINK, FUSE_RMDIR: return name() + [0]
    case FUSE_REMOVEXATTR: return attribute() + [0]
    case FUSE_FORGET: return raw(fuse_forget_in(nlookup: random(3) == 0 ? edge() : UInt64(random(3))))
    case FUSE_BATCH_FORGET:
      var bytes = raw(fuse_batch_forget_in(count: size(5), dummy: 0))
      for _ in 0..<random(5) { bytes += raw(fuse_forget_one(nodeid: node(isDirectory: false), nlookup: edge())) }
      return bytes
    case FUSE_SETATTR:
      var detail = fuse_setattr_in()
      detail.valid = random(3) == 0 ? word() : 1 << UInt32(random(12))
      detail.size = offset()
      (detail.atime, detail.mtime, detail.ctime) = (edge(), edge(), edge())
      (detail.atimensec, detail.mtimensec, detail.ctimensec) = (word(), word(), word())
      (detail.mode, detail.uid, detail.gid) = (word(), word(), word())
      return raw(detail)
    case FUSE_SYMLINK: return name() + [0] + (random(8) == 0 ? generator.bytes(random(1 << 20)) : name()) + [0]
    case FUSE_MKNOD: return raw(fuse_mknod_in(mode: mode(), rdev: word(), umask: word(), padding: 0)) + name() + [0]
    case FUSE_MKDIR: return raw(fuse_mkdir_in(mode: mode(), umask: word())) + name() + [0]
    case FUSE_TMPFILE, FUSE_CREATE:
      return raw(fuse_create_in(flags: word(), mode: mode(), umask: word(), open_flags: 0)) + name() + [0]
    case FUSE_RENAME: return raw(fuse_rename_in(newdir: node(isDirectory: true))) + name() + [0] + name() + [0]
    case FUSE_RENAME2:
      return raw(fuse_rename2_in(newdir: node(isDirectory: true), flags: UInt32(random(8)), padding: 0)) + name() + [0]
        + name() + [0]
    case FUSE_LINK: return raw(fuse_link_in(oldnodeid: node(isDirectory: false))) + name() + [0]
    case FUSE_READ, FUSE_READDIR, FUSE_READDIRPLUS:
      var range = fuse_read_in()
      (range.offset, range.size) = (offset(), size(1 << 20))
      return raw(range)
    case FUSE_WRITE: return write()
    case FUSE_SETXATTR: return setExtendedAttribute()
    case FUSE_GETXATTR: return raw(fuse_getxattr_in(size: size(70_000), padding: 0)) + attribute() + [0]
    case FUSE_LISTXATTR: return raw(fuse_getxattr_in(size: size(70_000), padding: 0))
    case FUSE_FALLOCATE:
      return raw(
        fuse_fallocate_in(
          fh: 0, offset: offset(), length: offset(),
          mode: [0, 1, 3, 8, 16, 17, 32, word()][random(8)], padding: 0))
    case FUSE_LSEEK: return raw(fuse_lseek_in(fh: 0, offset: offset(), whence: UInt32(random(6)), padding: 0))
    default:
      if Int(opcode) == CAIRN_FUSE_COPY_FILE_RANGE_64 || opcode == FUSE_COPY_FILE_RANGE.rawValue { return copy() }
      return generator.bytes(random(100))
    }
  }

  private mutating func write() -> [UInt8] {
    let bytes = random(3) == 0 ? [UInt8](repeating: 7, count: random(1 << 20)) : generator.bytes(random(60_000))
    var range = fuse_write_in()
    range.offset = offset()
    range.size = random(10) == 0 ? size(1 << 20) : UInt32(bytes.count)
    range.write_flags = UInt32(random(8))
    return raw(range) + bytes
  }

  private mutating func setExtendedAttribute() -> [UInt8] {
    let value = value()
    var detail = fuse_setxattr_in()
    detail.size = random(10) == 0 ? word() : UInt32(value.count)
    detail.flags = UInt32(random(4))
    detail.setxattr_flags = UInt32(random(2))
    return raw(detail) + attribute() + [0] + value
  }

  private mutating func copy() -> [UInt8] {
    var detail = fuse_copy_file_range_in()
    (detail.off_in, detail.off_out, detail.len) = (offset(), offset(), offset())
    detail.nodeid_out = node(isDirectory: false)
    return raw(detail)
  }
}
