import Catalog
import Chunks
import FileSystem
import TestSupport

/// A tree as a client describes it, mostly sound, with some of what a hostile one would think of.
struct TreeMaker {
  /// What the store has.
  let chunks: [(digest: Digest, content: [UInt8])]
  private var generator: SeededGenerator
  private var directories: [[UInt8]] = []
  private var files: [[UInt8]] = []

  init(seed: UInt64, chunks: [(digest: Digest, content: [UInt8])]) {
    self.chunks = chunks
    generator = SeededGenerator(seed: seed)
  }

  private static let goodNames: [[UInt8]] = [
    [0x61], [0x62], [0x63], [0xFF], [0x0A, 0x20], Array("...".utf8), [UInt8](repeating: 0x78, count: 255),
  ]
  private static let badNames: [[UInt8]] = [
    [], Array(".".utf8), Array("..".utf8), [0x61, 0], [0], [UInt8](repeating: 0x78, count: 256),
    [UInt8](repeating: 0x78, count: 70_000),
  ]
  private static let times: [Int64] = [0, 1, -1, 1_700_000_000_123_456_789, .min, .max]
  private static let identifiers: [UInt32] = [0, 1, 1000, 65_534, .max - 1]

  mutating func random(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }
  private mutating func chance(_ one: Int) -> Bool { random(one) == 0 }
  private mutating func pick<Element>(_ list: [Element]) -> Element { list[random(list.count)] }

  /// One tree in three has something wrong with it, as far as chance goes.
  mutating func next() -> [IngestEntry] {
    directories = [[]]
    files = []
    var entries = [entry([], .directory)]
    for _ in 0..<random(30) { entries.append(goodEntry()) }
    guard chance(3) else { return entries }
    for _ in 0...random(2) where !entries.isEmpty { spoil(&entries) }
    return entries
  }

  private mutating func entry(_ path: [UInt8], _ content: IngestEntry.Content) -> IngestEntry {
    IngestEntry(
      path: path, content: content, mode: UInt32(random(0o10000)), uid: pick(Self.identifiers),
      gid: pick(Self.identifiers), modified: pick(Self.times))
  }

  private func join(_ parent: [UInt8], _ name: [UInt8]) -> [UInt8] { parent.isEmpty ? name : parent + [0x2F] + name }

  /// Its name may be taken, which is for whoever expects something of the tree to see.
  private mutating func goodEntry() -> IngestEntry {
    let name = pick(Self.goodNames) + Array("\(random(20))".utf8)
    let path = join(pick(directories), Array(name.suffix(255)))
    switch random(8) {
    case 0, 1:
      directories.append(path)
      return entry(path, .directory)
    case 2: return entry(path, .symbolicLink(target: generator.bytes(1 + random(40)).map { max($0, 1) }))
    case 3 where !files.isEmpty: return entry(path, .hardLink(to: pick(files)))
    default:
      files.append(path)
      return entry(path, .file(digests()))
    }
  }

  private mutating func digests() -> [Digest] {
    let count = chance(10) ? 300 : random(4)
    return (0..<count).map { _ in pick(chunks).digest }
  }

  private mutating func spoil(_ entries: inout [IngestEntry]) {
    let at = random(entries.count)
    switch random(12) {
    case 0: entries.shuffle(using: &generator)
    case 1: entries.remove(at: at)
    case 2: entries.insert(pick(entries), at: at)
    case 3: entries[at].path = join(pick(directories), pick(Self.badNames))
    case 4: entries[at].path = pick([[0x2F], [0x2F, 0x61], [0x61, 0x2F], [0x61, 0x2F, 0x2F, 0x62]])
    case 5: entries[at].path += [0x2F] + pick(Self.badNames + Self.goodNames)
    case 6:
      let target = pick([[], [0], [UInt8](repeating: 0x61, count: 4096), [0x61, 0, 0x62]])
      entries[at].content = .symbolicLink(target: target)
    case 7: entries[at].content = .hardLink(to: pick([[], [0x61], entries[at].path, Array("nothing".utf8)]))
    case 8: entries[at].content = .file([Digest(words: (generator.next(), 2, 3, 4))])
    case 9: entries[at].content = .directory
    // No user, and for chown(2) the word for “as it is”.
    case 10: if chance(2) { entries[at].uid = .max } else { entries[at].gid = .max }
    default: entries = Array(entries.prefix(at))
    }
  }
}

/// What a tree is to become, if it makes sense, told by its description alone.
struct ExpectedTree {
  struct File: Equatable {
    var mode: UInt32
    var uid: UInt32
    var gid: UInt32
    var modified: Int64
    var linkCount: UInt32
    /// Of a regular file or a symbolic link.
    var content: [UInt8] = []
  }

  private(set) var files: [[UInt8]: File] = [:]
  private(set) var inodes: UInt64 = 0
  private(set) var bytes: UInt64 = 0

  /// nil: it makes none.
  init?(_ entries: [IngestEntry], _ chunks: [Digest: [UInt8]]) {
    guard let root = entries.first, root.path.isEmpty, case .directory = root.content else { return nil }
    // The paths of what is one file.
    var groups: [[UInt8]: [[UInt8]]] = [:]
    for (index, entry) in entries.enumerated() {
      guard entry.uid != .max, entry.gid != .max else { return nil }
      if index > 0 {
        guard let parent = Self.parent(entry.path), files[entry.path] == nil, Self.isDirectory(files[parent]) else {
          return nil
        }
        if case .directory = entry.content { files[parent]?.linkCount += 1 }
      }
      var file = File(
        mode: FileType.regular | entry.mode & 0o7777, uid: entry.uid, gid: entry.gid, modified: entry.modified,
        linkCount: 1)
      switch entry.content {
      case .directory:
        file.mode = FileType.directory | entry.mode & 0o7777
        file.linkCount = 2
      case .file(let digests):
        for digest in digests {
          guard let content = chunks[digest] else { return nil }
          file.content += content
        }
        bytes += UInt64(file.content.count)
        groups[entry.path] = [entry.path]
      case .symbolicLink(let target):
        guard (1...4095).contains(target.count), !target.contains(0) else { return nil }
        file.mode = FileType.symbolicLink | 0o777
        file.content = target
      case .hardLink(let target):
        guard let group = groups[target], var shared = files[target] else { return nil }
        shared.linkCount += 1
        for path in group + [entry.path] {
          files[path] = shared
          groups[path] = group + [entry.path]
        }
        continue
      }
      inodes += 1
      files[entry.path] = file
    }
  }

  private static func isDirectory(_ file: File?) -> Bool { file.map { $0.mode & FileType.mask } == FileType.directory }

  /// nil: the path is none.
  private static func parent(_ path: [UInt8]) -> [UInt8]? {
    let names = path.split(separator: 0x2F, omittingEmptySubsequences: false).map(Array.init)
    let areGood = names.allSatisfy { name in
      (1...255).contains(name.count) && !name.contains(0) && name != [0x2E] && name != [0x2E, 0x2E]
    }
    guard areGood, path.count <= 1 << 16 else { return nil }
    return Array(names.dropLast().joined(separator: [0x2F]))
  }

  /// What a volume holds.
  init(of fileSystem: FileSystem, _ volume: VolumeInformation) throws {
    inodes = volume.usedInodes
    bytes = volume.usedBytes
    let root = NodeID(volume: volume.id, inode: volume.root)
    try read(fileSystem, try fileSystem.attributes(root), [])
  }

  private mutating func read(_ fileSystem: FileSystem, _ found: Attributes, _ path: [UInt8]) throws {
    var file = File(
      mode: found.mode, uid: found.uid, gid: found.gid, modified: found.modified, linkCount: found.linkCount)
    switch found.mode & FileType.mask {
    case FileType.directory:
      var names: [[UInt8]] = []
      try fileSystem.list(found.node, after: 0) { entry in
        names.append(entry.name)
        return true
      }
      for name in names {
        let child = try fileSystem.lookup(found.node, name)
        try read(fileSystem, child, path.isEmpty ? name : path + [0x2F] + name)
      }
    case FileType.symbolicLink: file.content = try fileSystem.readLink(found.node)
    default:
      file.content = [UInt8](repeating: 0, count: Int(found.size))
      let count = try file.content.withUnsafeMutableBytes { try fileSystem.read(found.node, offset: 0, into: $0) }
      file.content = Array(file.content[..<count])
    }
    files[path] = file
  }
}

extension ExpectedTree: Equatable {}
