import Catalog
import Chunks
import Glibc
import Linux
import Synchronization
import TestSupport
import Testing

@testable import FileSystem

/// What happens when something comes in an unlucky moment: the disk calls back in it.
@Suite struct RaceTests {
  private func open(_ store: RunStore) throws -> FileSystem {
    var options = FileSystem.Options()
    options.checkpointSeconds = 1e9
    options.segmentBytes = 256 << 10
    options.packBytes = 1 << 20
    options.report = { print($0) }
    return try store.open(options)
  }

  private func content(_ seed: UInt64, _ count: Int) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return generator.bytes(count)
  }

  private func read(_ fileSystem: FileSystem, _ node: NodeID) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(try fileSystem.attributes(node).size))
    let count = try bytes.withUnsafeMutableBytes { try fileSystem.read(node, offset: 0, into: $0) }
    return Array(bytes[..<count])
  }

  @Test func `a tree that names a chunk which another client has just sent keeps it through a kill`() throws {
    let disk = SimulatedDisk()
    let store = RunStore.simulated(disk)
    let fileSystem = try open(store)
    let bytes = content(1, 30_000)
    let digest = bytes.withUnsafeBytes { Digest(of: $0) }
    // The other client's chunk comes when the tree's volume is made: after what was there is durable.
    let isSent = Mutex(false)
    disk.before { call, path in
      guard call == .write, path.hasPrefix("journal/") else { return }
      let isFirst = isSent.withLock { sent in
        defer { sent = true }
        return !sent
      }
      if isFirst { _ = try? bytes.withUnsafeBytes { try fileSystem.addChunk($0) } }
    }
    let entries = [
      IngestEntry(path: [], content: .directory, mode: 0o755, uid: 0, gid: 0, modified: 1),
      IngestEntry(path: [0x66], content: .file([digest]), mode: 0o644, uid: 0, gid: 0, modified: 1),
    ]
    let volume = try fileSystem.ingest(VolumeRequest(kind: .model), entries)
    disk.before(nil)
    let next = try store.afterKill()
    let after = try open(next)
    // Other content takes the number of the chunk, if it is free.
    let other = try after.createVolume(VolumeRequest(kind: .workspace))
    let file = try after.make(
      NodeID(volume: other.id, inode: other.root), [0x67], NewNode(mode: FileType.regular | 0o644), Caller())
    _ = try content(2, 30_000).withUnsafeBytes {
      try after.write(file.node, offset: 0, bytes: $0, clearSetID: false, Caller())
    }
    try after.checkpoint()
    let found = try after.lookup(NodeID(volume: volume.id, inode: volume.root), [0x66])
    #expect(try read(after, found.node) == bytes)
    #expect(try after.check(repair: false).isClean)
    after.close()
    fileSystem.close()
  }

  @Test func `a snapshot that is looked at while it is being made shows what it is a snapshot of`() throws {
    let disk = SimulatedDisk()
    let store = RunStore.simulated(disk)
    let fileSystem = try open(store)
    let source = try fileSystem.createVolume(VolumeRequest(kind: .workspace, path: "volumes/source"))
    let root = NodeID(volume: source.id, inode: source.root)
    let bytes = content(3, 100_000)
    let file = try fileSystem.make(root, [0x66], NewNode(mode: FileType.regular | 0o644), Caller())
    _ = try bytes.withUnsafeBytes { try fileSystem.write(file.node, offset: 0, bytes: $0, clearSetID: false, Caller()) }
    // Somebody looks at the snapshot as soon as the catalog is being written.
    let look = Monitor<Result<[UInt8], any Error>?>(nil)
    let isBegun = Mutex(false)
    disk.before { call, path in
      guard call == .write, path == "catalog.db-wal" else { return }
      let isFirst = isBegun.withLock { begun in
        defer { begun = true }
        return !begun
      }
      guard isFirst else { return }
      _ = WorkerThread(name: "look") {
        let result = Result {
          let volumes = try fileSystem.lookup(.root, Array("volumes".utf8))
          let snapshot = try fileSystem.lookup(volumes.node, Array("snapshot".utf8))
          return try self.read(fileSystem, try fileSystem.lookup(snapshot.node, [0x66]).node)
        }
        look.withLock { $0 = result }
        look.wakeAll()
      }
      _ = look.wait(seconds: 0.3) { $0 == nil ? nil : true }
    }
    _ = try fileSystem.snapshot(source.id, path: "volumes/snapshot")
    disk.before(nil)
    let result = try #require(look.wait(seconds: 10) { $0 })
    #expect(try result.get() == bytes)
    fileSystem.close()
  }

  @Test func `a directory that is gone leaves no names behind`() throws {
    let store = RunStore.simulated(SimulatedDisk())
    let fileSystem = try open(store)
    let volume = try fileSystem.createVolume(VolumeRequest(kind: .workspace))
    let root = NodeID(volume: volume.id, inode: volume.root)
    let directory = try fileSystem.make(root, [0x64], NewNode(mode: FileType.directory | 0o755), Caller()).node
    let file = try fileSystem.make(directory, [0x66], NewNode(mode: FileType.regular | 0o644), Caller()).node
    try fileSystem.checkpoint()
    try fileSystem.unlink(directory, [0x66], Caller())
    try fileSystem.removeDirectory(root, [0x64], Caller())
    fileSystem.forget(file, count: 1)
    fileSystem.forget(directory, count: 1)
    try fileSystem.checkpoint()
    let layer = try fileSystem.volume(volume.id).layer
    #expect(try fileSystem.catalog.entries([layer], directory.inode, after: 0, limit: 10).isEmpty)
    fileSystem.close()
  }

  @Test func `reserving more than can be counted is refused`() throws {
    let disk = SimulatedDisk()
    disk.setCapacity(1 << 40)
    let guardian = SpaceGuard(disk: disk)
    #expect(!guardian.fits(UInt64(1) << 63 - 1, times: 2, staged: 1 << 62))
    #expect(!guardian.fits(.max, times: 2, staged: .max))
    #expect(guardian.fits(1 << 30, times: 2, staged: 1 << 30))
  }
}
