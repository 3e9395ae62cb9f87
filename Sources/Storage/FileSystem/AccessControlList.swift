/// A POSIX access control list, in the kernel's form for extended attributes (version 2):
/// a 32-bit version, then 8 bytes an entry: 16-bit tag, 16-bit permissions, 32-bit id, little-endian.
/// See acl(5) and linux/posix_acl_xattr.h.
struct AccessControlList: Equatable {
  static let accessName = [UInt8]("system.posix_acl_access".utf8)
  static let defaultName = [UInt8]("system.posix_acl_default".utf8)

  enum Tag: UInt16 {
    case userObject = 0x01
    case user = 0x02
    case groupObject = 0x04
    case group = 0x08
    case mask = 0x10
    case other = 0x20
  }

  struct Entry: Equatable {
    var tag: Tag
    var permissions: UInt16
    var id: UInt32
  }

  var entries: [Entry]

  /// Nil for bytes that are not a list the kernel would write.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 4, (bytes.count - 4) % 8 == 0 else { return nil }
    entries = []
    let parsed: [Entry]? = bytes.withUnsafeBytes { raw in
      guard UInt32(littleEndian: raw.loadUnaligned(as: UInt32.self)) == 2 else { return nil }
      var entries: [Entry] = []
      for offset in stride(from: 4, to: raw.count, by: 8) {
        let tag = UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        let permissions = UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: offset + 2, as: UInt16.self))
        let id = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
        guard let tag = Tag(rawValue: tag), permissions <= 7 else { return nil }
        entries.append(Entry(tag: tag, permissions: permissions, id: id))
      }
      return entries
    }
    guard let parsed else { return nil }
    entries = parsed
    for tag in [Tag.userObject, .groupObject, .other] where entries.filter({ $0.tag == tag }).count != 1 {
      return nil
    }
    let named = entries.contains { $0.tag == .user || $0.tag == .group }
    let masks = entries.filter { $0.tag == .mask }.count
    guard masks <= 1, !named || masks == 1 else { return nil }
  }

  var bytes: [UInt8] {
    var result: [UInt8] = [2, 0, 0, 0]
    for entry in entries {
      withUnsafeBytes(of: entry.tag.rawValue.littleEndian) { result.append(contentsOf: $0) }
      withUnsafeBytes(of: entry.permissions.littleEndian) { result.append(contentsOf: $0) }
      withUnsafeBytes(of: entry.id.littleEndian) { result.append(contentsOf: $0) }
    }
    return result
  }

  /// Whether the permission bits say all that the list says.
  var isMinimal: Bool { entries.count == 3 }

  private func index(_ tag: Tag) -> Int? { entries.firstIndex { $0.tag == tag } }

  private func permissions(_ tag: Tag) -> UInt32? { index(tag).map { UInt32(entries[$0].permissions) } }

  /// The nine permission bits that stand for the list: the group's are the mask's, if there is one.
  var modeBits: UInt32 {
    let group = permissions(.mask) ?? permissions(.groupObject) ?? 0
    return (permissions(.userObject) ?? 0) << 6 | group << 3 | (permissions(.other) ?? 0)
  }

  /// What chmod does to the list of a file.
  mutating func apply(mode: UInt32) {
    if let index = index(.userObject) { entries[index].permissions = UInt16(mode >> 6 & 7) }
    if let index = index(.mask) ?? index(.groupObject) { entries[index].permissions = UInt16(mode >> 3 & 7) }
    if let index = index(.other) { entries[index].permissions = UInt16(mode & 7) }
  }

  /// What a new file gets from its directory's default list: the list and the permission bits, each
  /// cut to what the other and the creator allow (posix_acl_create of the kernel).
  func inherited(mode: UInt32) -> (list: AccessControlList, mode: UInt32) {
    var list = self
    func limit(_ tag: Tag, _ shift: UInt32) {
      guard let index = list.index(tag) else { return }
      list.entries[index].permissions &= UInt16(mode >> shift & 7)
    }
    limit(.userObject, 6)
    limit(list.index(.mask) != nil ? .mask : .groupObject, 3)
    limit(.other, 0)
    return (list, mode & ~0o777 | list.modeBits)
  }
}
