import Chunks
import Glibc
import Linux
import Synchronization
import TestSupport
import Testing

@testable import Catalog
@testable import FileSystem

/// Files whose map does not fit in memory, on a catalog that can't be read from some moment on.
@Suite struct LargeFileTests {
  private static let pages: UInt64 = 1100
  private static let size = (pages - 1) * ExtentPage.span + 10

  /// A store with a file that has ten bytes in each page, and a small one, nothing of them in memory.
  private final class Fixture {
    let disk = SimulatedDisk()
    let store: RunStore
    let fileSystem: FileSystem
    let large: NodeID
    let small: NodeID

    init() throws {
      store = RunStore.simulated(disk)
      let first = try ModelRun.open(store, 100)
      let volume = try first.createVolume(VolumeRequest(kind: .persistent, path: "storage"))
      let root = NodeID(volume: volume.id, inode: volume.root)
      let node = try first.make(root, [1], NewNode(mode: FileType.regular | 0o644), Caller()).node
      for page in 0..<LargeFileTests.pages {
        _ = try Self.content(of: page).withUnsafeBytes {
          try first.write(node, offset: page * ExtentPage.span, bytes: $0, clearSetID: false, Caller())
        }
      }
      large = node
      small = try first.make(root, [2], NewNode(mode: FileType.regular | 0o644), Caller()).node
      first.close()
      fileSystem = try ModelRun.open(store, 100)
    }

    static func content(of page: UInt64) -> [UInt8] { (0..<10).map { UInt8(truncatingIfNeeded: page + $0) } }

    /// Takes the maps out of the catalog's reach, or puts them back.
    func hideMaps(_ isHidden: Bool) throws { try Self.hideMaps(isHidden, fileSystem.catalog) }

    static func hideMaps(_ isHidden: Bool, _ catalog: Catalog) throws {
      let names = isHidden ? ("extent", "hidden") : ("hidden", "extent")
      try catalog.write { (connection) throws(CatalogError) in
        try connection.execute("ALTER TABLE \(names.0) RENAME TO \(names.1)")
      }
    }

    func bytes(_ node: NodeID, at offset: UInt64) throws -> [UInt8] {
      var bytes = [UInt8](repeating: 0xEE, count: 10)
      let count = try bytes.withUnsafeMutableBytes { try fileSystem.read(node, offset: offset, into: $0) }
      return Array(bytes[..<count])
    }
  }

  enum Change: CaseIterable {
    case truncate, punch, copy, insert, collapse, fill
  }

  @Test(arguments: Change.allCases)
  func `an operation that is in the journal needs the catalog no more`(change: Change) throws {
    let fixture = try Fixture()
    defer {
      fixture.fileSystem.close()
      fixture.store.discard()
    }
    let isHidden = Mutex(false)
    let catalog = fixture.fileSystem.catalog
    fixture.disk.before { call, path in
      guard call == .write, path.hasPrefix("journal/"), !isHidden.withLock({ $0 }) else { return }
      isHidden.withLock { $0 = true }
      do { try Fixture.hideMaps(true, catalog) } catch { Issue.record("\(error)") }
    }
    try carryOut(change, fixture)
    fixture.disk.before(nil)
    #expect(isHidden.withLock { $0 })
    try fixture.hideMaps(false)
    try expectDone(change, fixture)
    try fixture.fileSystem.checkpoint()
    try expectDone(change, fixture)
    #expect(try fixture.fileSystem.check(repair: false).isClean)
  }

  @Test(arguments: Change.allCases)
  func `an operation that needs a catalog which can't be read is an error and changes nothing`(change: Change) throws {
    let fixture = try Fixture()
    defer {
      fixture.fileSystem.close()
      fixture.store.discard()
    }
    try fixture.hideMaps(true)
    let error = #expect(throws: POSIXError.self) { try carryOut(change, fixture) }
    #expect(error?.code == EIO)
    try fixture.hideMaps(false)
    for page in [0, 700, Self.pages - 1] {
      #expect(try fixture.bytes(fixture.large, at: page * ExtentPage.span) == Fixture.content(of: page))
    }
    #expect(try fixture.fileSystem.check(repair: false).isClean)
  }

  @Test func `a journal that needs a catalog which can't be read is refused with a sentence`() throws {
    let fixture = try Fixture()
    defer { fixture.store.discard() }
    try carryOut(.punch, fixture)
    try fixture.hideMaps(true)
    let killed = try fixture.store.afterKill()
    defer { killed.discard() }
    let error = #expect(throws: StoreError.self) { try ModelRun.open(killed, 100) }
    #expect("\(try #require(error))".contains("operation"))
    try fixture.hideMaps(false)
    fixture.fileSystem.close()
  }

  @Test func `of a large file little stays in memory`() throws {
    let fixture = try Fixture()
    defer {
      fixture.fileSystem.close()
      fixture.store.discard()
    }
    for page in 0..<Self.pages { _ = try fixture.bytes(fixture.large, at: page * ExtentPage.span) }
    _ = try fixture.fileSystem.seek(fixture.large, .hole, from: 0)
    _ = try? fixture.fileSystem.seek(fixture.large, .data, from: Self.size - 1)
    let count = fixture.fileSystem.lock.withLock { $0.nodes[fixture.large]?.pages.count ?? 0 }
    #expect(count < State.mostPages)
  }

  private func carryOut(_ change: Change, _ fixture: Fixture) throws {
    let (fileSystem, large) = (fixture.fileSystem, fixture.large)
    switch change {
    case .truncate:
      var attributes = AttributeChange()
      attributes.size = 5
      _ = try fileSystem.setAttributes(large, attributes, Caller())
    case .punch: try fileSystem.allocate(large, .punchHole, offset: 0, length: Self.size, Caller())
    case .copy:
      let count = try fileSystem.copyRange(large, offset: 0, to: fixture.small, offset: 0, length: .max, Caller()).count
      #expect(count == Self.size)
    case .insert: try fileSystem.allocate(large, .insertRange, offset: 0, length: 4096, Caller())
    case .collapse: try fileSystem.allocate(large, .collapseRange, offset: 0, length: 4096, Caller())
    case .fill: try fileSystem.allocate(large, .allocate(keepSize: false), offset: 0, length: Self.size, Caller())
    }
  }

  private func expectDone(_ change: Change, _ fixture: Fixture) throws {
    for page in [1, 700, Self.pages - 1] {
      let (offset, content) = (page * ExtentPage.span, Fixture.content(of: page))
      switch change {
      case .truncate: #expect(try fixture.bytes(fixture.large, at: offset) == [])
      case .punch: #expect(try fixture.bytes(fixture.large, at: offset) == [UInt8](repeating: 0, count: 10))
      case .copy: #expect(try fixture.bytes(fixture.small, at: offset) == content)
      case .insert: #expect(try fixture.bytes(fixture.large, at: offset + 4096) == content)
      case .collapse: #expect(try fixture.bytes(fixture.large, at: offset - 4096) == content)
      case .fill: #expect(try fixture.bytes(fixture.large, at: offset) == content)
      }
    }
  }
}
