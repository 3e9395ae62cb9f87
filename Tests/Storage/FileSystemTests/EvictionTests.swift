import Catalog
import Glibc
import Linux
import TestSupport
import Testing

@testable import FileSystem

// Memory is bounded, whatever the number of files.

private let limit = 1_000

/// A store with `count` files, and a file system that has just been opened on it.
private func withFiles(_ count: Int, _ body: (FileSystem, NodeID) throws -> Void) throws {
  let directory = TemporaryDirectory()
  func open() throws -> FileSystem {
    var options = FileSystem.Options()
    options.cachedInodes = limit
    options.checkpointSeconds = 1e9
    return try FileSystem(disk: LocalDisk(root: directory.path), catalogDirectory: directory.path, options: options)
  }
  let made = try open()
  let volume = try made.createVolume(VolumeRequest(kind: .persistent, path: "storage"))
  let root = NodeID(volume: volume.id, inode: volume.root)
  for index in 0..<count {
    let directory =
      try index % 100 == 0
      ? made.make(root, directoryName(index), NewNode(mode: FileType.directory | 0o755), Caller())
      : made.lookup(root, directoryName(index))
    let file = try made.make(directory.node, name(index), NewNode(mode: FileType.regular | 0o644), Caller())
    made.forget(file.node, count: 1)
  }
  made.close()
  let fileSystem = try open()
  defer { fileSystem.close() }
  try body(fileSystem, root)
}

/// Directories have 100 files each.
private func directoryName(_ index: Int) -> [UInt8] { Array("directory-\(index / 100)".utf8) }

private func name(_ index: Int) -> [UInt8] { Array("file-\(index)".utf8) }

@Test func whatHasNotBeenUsedForLongIsNotKeptWhateverItsNumber() throws {
  try withFiles(6 * limit) { fileSystem, root in
    func look(_ range: Range<Int>) throws -> [NodeID] {
      try range.map { index in
        let directory = try fileSystem.lookup(root, directoryName(index)).node
        let node = try fileSystem.lookup(directory, name(index)).node
        fileSystem.forget(node, count: 1)
        return node
      }
    }
    let first = try look(0..<limit)
    _ = try look(limit..<6 * limit)
    let kept = fileSystem.lock.withLock { state in first.filter { state.nodes[$0] != nil }.count }
    #expect(kept == 0)
    #expect(fileSystem.lock.withLock { $0.nodes.count } <= limit)
  }
}

@Test func whatIsChargedIsWhatIsThere() throws {
  try withFiles(3 * limit) { fileSystem, root in
    for step in 0..<20 * limit {
      // Round and round, in an order of its own: 7,919 is a prime.
      let index = step * 7_919 % (3 * limit)
      do throws(POSIXError) {
        let directory = try fileSystem.lookup(root, directoryName(index)).node
        let node = try fileSystem.lookup(directory, name(index)).node
        if index % 3 == 0 { try fileSystem.unlink(directory, name(index), Caller()) }
        fileSystem.forget(node, count: 1)
      } catch {
        #expect(error.code == ENOENT)
      }
    }
    try fileSystem.checkpoint()
    fileSystem.lock.withLock { state in
      #expect(state.eviction.weight == state.eviction.ring.reduce(0) { $0 + $1.charged })
      #expect(state.nodes.values.allSatisfy { $0.charged > 0 })
    }
  }
}
