import Catalog
import FoundationEssentials
import Glibc
import Linux
import TestSupport
import Testing

@testable import FileSystem

/// Damaged stores of each seed. A soak sets CAIRN_DAMAGE.
private let damages = getenv("CAIRN_DAMAGE").flatMap { Int(String(cString: $0)) } ?? 40

/// Stores of which a file is damaged as no disk would admit: they are refused with a sentence, or their files read
/// as they were or not at all, and nothing crashes.
@Suite struct DamageTests {
  @Test(arguments: testSeeds(4))
  func `a store with a damaged file is refused or read rightly`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let (store, root, files) = try furnishedStore()
    // What the catalog does not have yet: in the journal, and in a staging segment.
    let changed = try store.write("inline", in: root, random(5_000, seed: 1))
    try store.write("staged", in: root, random(200_000, seed: 2))
    _ = try store.fileSystem.setAttributes(changed, attributes { $0.mode = 0o600 }, Caller())
    try store.fileSystem.rename(root, Array("inline".utf8), to: root, Array("other".utf8), [], Caller())
    let original = TemporaryDirectory()
    try copyDirectory(store.directory.path, to: original.path + "/store")
    let names = try fileNames(below: original.path + "/store")
    var opened = 0
    for number in 0..<damages {
      let copy = TemporaryDirectory()
      let path = copy.path + "/store"
      try copyDirectory(original.path + "/store", to: path)
      let name = names[Int.random(in: 0..<names.count, using: &generator)]
      let what = try damage(path + "/" + name, using: &generator)
      let place: Comment = "seed \(seed), damage \(number): \(name) \(what)"
      // The catalog's tables have no checksums: what was changed there is found by a check, if at all.
      let expected = name.hasPrefix("catalog") ? [:] : files
      if try use(path, expected, place) { opened += 1 }
    }
    // Else nothing is shown.
    #expect(opened > 0)
  }

  @Test(arguments: ["applied_sequence", "next_inode", "next_layer", "next_chunk", "next_pack"])
  func `a catalog whose counters no store reaches is refused`(key: String) throws {
    let (store, _, _) = try furnishedStore()
    for value in [-8, Int64.max, Int64.min] {
      let error = #expect(throws: CatalogError.self) {
        try TestStore(copyOf: store) { try change($0, "UPDATE meta SET value = \(value) WHERE key = '\(key)'") }
      }
      #expect(error?.code == .damaged && error?.description.contains(key) == true)
    }
  }

  @Test(arguments: ["layer", "root"])
  func `a volume with a number that no store reaches is refused`(column: String) throws {
    let (store, _, _) = try furnishedStore()
    for value in [-8, Int64.max, 1 << 40] {
      let error = #expect(throws: CatalogError.self) {
        try TestStore(copyOf: store) { try change($0, "UPDATE volume SET \(column) = \(value) WHERE id = 3") }
      }
      #expect(error?.code == .damaged)
    }
  }

  private func attributes(_ body: (inout AttributeChange) -> Void) -> AttributeChange {
    var change = AttributeChange()
    body(&change)
    return change
  }

  /// All files of a store but its lock, sorted.
  private func fileNames(below path: String) throws -> [String] {
    var names: [String] = []
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
      var isDirectory = false
      guard FileManager.default.fileExists(atPath: path + "/" + name, isDirectory: &isDirectory) else { continue }
      names += isDirectory ? try fileNames(below: path + "/" + name).map { name + "/" + $0 } : [name]
    }
    return names.filter { !$0.hasSuffix("-shm") && $0 != "lock" }.sorted()
  }

  // MARK: Damaging

  private static let edges: [UInt64] = [0, 1, 1 << 31, 1 << 32 - 1, 1 << 63 - 1, 1 << 63, .max - 7, .max]

  private static let columns = [
    "chunk": ["pack", "offset", "stored_length", "length", "codec", "digest"], "pack": ["bytes", "live_bytes"],
    "inode": ["mode", "link_count", "device", "size", "allocated", "parent", "accessed", "target"],
    "dirent": ["cookie", "node", "type", "name"], "extent": ["page", "map"], "xattr": ["name", "value"],
    "volume": ["path", "layer", "root", "sealed", "quota_bytes", "used_bytes", "used_inodes", "created", "source"],
    "layer": ["parent", "dead"], "meta": ["value"],
  ]

  /// Puts a value that can't be into a row of the catalog; says which.
  private func damageRow(_ path: String, using generator: inout SeededGenerator) throws -> String {
    let tables = Self.columns.keys.sorted()
    let table = tables[Int.random(in: 0..<tables.count, using: &generator)]
    let columns = Self.columns[table] ?? []
    let column = columns[Int.random(in: 0..<columns.count, using: &generator)]
    let number = Int64(bitPattern: Self.edges[Int.random(in: 0..<Self.edges.count, using: &generator)])
    let bytes = generator.bytes(Int.random(in: 0..<40, using: &generator))
    let blob = "x'" + bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + "'"
    let isBlob = ["digest", "map", "name", "value", "target", "path"].contains(column) && table != "meta"
    let row = Int.random(in: 0..<8, using: &generator)
    let sql = """
      UPDATE OR IGNORE \(table) SET \(column) = \(isBlob ? blob : "\(number)")
      WHERE \(column) IN (SELECT \(column) FROM \(table) LIMIT 1 OFFSET \(row))
      """
    // A row that a constraint keeps from it stays as it is.
    try? change(path, sql)
    return sql
  }

  /// Changes a file; says how.
  private func damage(_ path: String, using generator: inout SeededGenerator) throws -> String {
    if path.hasSuffix("catalog.db"), Bool.random(using: &generator) {
      return try damageRow(String(path.dropLast("/catalog.db".count)), using: &generator)
    }
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    if descriptor < 0 { throw SystemError("open", path) }
    defer { close(descriptor) }
    let length = Int(lseek(descriptor, 0, SEEK_END))
    // Files are preallocated, and what matters stands near the front.
    let front = Bool.random(using: &generator) ? min(length, 8192) : length
    let place = front == 0 ? 0 : Int.random(in: 0..<front, using: &generator)
    func write(_ bytes: [UInt8], at offset: Int) { pwrite(descriptor, bytes, bytes.count, off_t(offset)) }
    switch UInt8.random(in: 0..<8, using: &generator) {
    case 0, 1:
      var byte: UInt8 = 0
      pread(descriptor, &byte, 1, off_t(place))
      write([byte ^ 1 << UInt8.random(in: 0..<8, using: &generator)], at: place)
      return "has another bit at \(place)"
    case 2:
      let number = Self.edges[Int.random(in: 0..<Self.edges.count, using: &generator)]
      write(withUnsafeBytes(of: number) { [UInt8]($0) }, at: place / 4 * 4)
      return "has \(number) at \(place / 4 * 4)"
    case 3:
      ftruncate(descriptor, off_t(place))
      return "is cut to \(place)"
    case 4:
      write(generator.bytes(Int.random(in: 1..<9000, using: &generator)), at: length)
      return "goes on"
    case 5:
      let count = Int.random(in: 1..<5000, using: &generator)
      write([UInt8](repeating: 0, count: count), at: place)
      return "has \(count) zeros at \(place)"
    case 6:
      let count = Int.random(in: 1..<5000, using: &generator)
      write(generator.bytes(count), at: place)
      return "has \(count) random bytes at \(place)"
    default:
      ftruncate(descriptor, 0)
      write(generator.bytes(Int.random(in: 0..<20_000, using: &generator)), at: 0)
      return "is random"
    }
  }

  // MARK: Using

  /// Opens a store and does some of everything with it. False: it was refused.
  private func use(_ path: String, _ expected: [NodeID: [UInt8]], _ place: Comment) throws -> Bool {
    var options = FileSystem.Options()
    options.checkpointSeconds = 1000
    options.cacheBytes = 0
    let fileSystem: FileSystem
    do {
      fileSystem = try FileSystem(disk: LocalDisk(root: path), catalogDirectory: path, options: options)
    } catch {
      #expect("\(error)".count > 20, "\(place)")
      return false
    }
    defer { fileSystem.close() }
    for (node, content) in expected {
      // EIO, or ESTALE where the catalog can't be read.
      if let bytes = try? read(fileSystem, node, content.count) { #expect(bytes == content, "\(place)") }
    }
    var budget = 300
    walk(fileSystem, .root, &budget)
    for repair in [false, true] { _ = try? fileSystem.check(repair: repair) }
    _ = try? fileSystem.collectGarbage()
    alter(fileSystem)
    try? fileSystem.synchronizeAll()
    return true
  }

  private func read(_ fileSystem: FileSystem, _ node: NodeID, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let length = try bytes.withUnsafeMutableBytes { try fileSystem.read(node, offset: 0, into: $0) }
    return Array(bytes[..<length])
  }

  private func walk(_ fileSystem: FileSystem, _ directory: NodeID, _ budget: inout Int) {
    var names: [[UInt8]] = []
    try? fileSystem.list(directory, after: 0) { entry in
      names.append(entry.name)
      return names.count < 100
    }
    for name in names where budget > 0 {
      budget -= 1
      guard let attributes = try? fileSystem.lookup(directory, name) else { continue }
      for name in (try? fileSystem.extendedAttributeNames(attributes.node)) ?? [] {
        _ = try? fileSystem.extendedAttribute(attributes.node, name)
      }
      _ = try? fileSystem.readLink(attributes.node)
      _ = try? read(fileSystem, attributes.node, 600_000)
      _ = try? fileSystem.seek(attributes.node, .hole, from: 0)
      if attributes.mode & FileType.mask == FileType.directory { walk(fileSystem, attributes.node, &budget) }
    }
  }

  /// Changes and removes what can be found in the volumes.
  private func alter(_ fileSystem: FileSystem) {
    for volume in fileSystem.volumes() where volume.kind != .skeleton {
      let root = NodeID(volume: volume.id, inode: volume.root)
      var names: [[UInt8]] = []
      try? fileSystem.list(root, after: 0) { entry in
        names.append(entry.name)
        return names.count < 20
      }
      if let new = try? fileSystem.make(root, [7], NewNode(mode: FileType.regular | 0o644), Caller()) {
        let bytes = [UInt8](repeating: 9, count: 40_000)
        _ = try? bytes.withUnsafeBytes {
          try fileSystem.write(new.node, offset: 5_000, bytes: $0, clearSetID: false, Caller())
        }
      }
      for (index, name) in names.enumerated() {
        guard let found = try? fileSystem.lookup(root, name) else { continue }
        let node = found.node
        _ = try? [1, 2, 3].withUnsafeBytes {
          try fileSystem.write(node, offset: found.size, bytes: $0, clearSetID: false, Caller())
        }
        _ = try? fileSystem.setAttributes(node, attributes { $0.size = 10 }, Caller())
        _ = try? fileSystem.link(node, to: root, [8, UInt8(index)], Caller())
        try? fileSystem.rename(root, name, to: root, [9, UInt8(index)], [], Caller())
        try? fileSystem.unlink(root, [9, UInt8(index)], Caller())
        fileSystem.forget(node, count: 100)
      }
      _ = try? fileSystem.snapshot(volume.id, path: nil)
    }
  }
}
