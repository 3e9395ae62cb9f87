import Catalog
import Chunks
import Glibc
import Linux
import TestSupport
import Testing

@testable import FileSystem

/// What checkpoints make of the content of files.
@Suite struct ContentTests {
  private let store = RunStore.simulated(SimulatedDisk())
  private let fileSystem: FileSystem
  private let root: NodeID

  init() throws {
    fileSystem = try ModelRun.open(store, 1000)
    let volume = try fileSystem.createVolume(VolumeRequest(kind: .workspace))
    root = NodeID(volume: volume.id, inode: volume.root)
  }

  private func make(_ name: String) throws -> NodeID {
    try fileSystem.make(root, Array(name.utf8), NewNode(mode: FileType.regular | 0o644), Caller()).node
  }

  private func write(_ node: NodeID, _ bytes: ArraySlice<UInt8>, at offset: UInt64) throws {
    _ = try bytes.withUnsafeBytes {
      try fileSystem.write(node, offset: offset, bytes: $0, clearSetID: false, Caller())
    }
  }

  private func extents(_ node: NodeID) throws -> [Extent] {
    try fileSystem.lock.withLock { state in
      let node = try state.node(node)
      return try state.extents(node, in: 0..<node.row.size)
    }
  }

  /// The numbers and lengths of chunks, pieces of one joined.
  private func chunks(_ node: NodeID) throws -> [ChunkID] {
    var result: [ChunkID] = []
    for extent in try extents(node) {
      guard case .chunk(let chunk, _) = extent.content else { continue }
      if result.last != chunk { result.append(chunk) }
    }
    return result
  }

  @Test(arguments: testSeeds(5), [0, 5000, 16 << 20 - 700_000])
  func `a file that grows from checkpoint to checkpoint is cut as one that was written at once`(
    seed: UInt64, start: UInt64
  ) throws {
    var generator = SeededGenerator(seed: seed)
    let content = ModelRun.pool + ModelRun.pool.reversed()
    let whole = try make("whole")
    for piece in stride(from: 0, to: content.count, by: 1 << 20) {
      try write(whole, content[piece..<min(content.count, piece + 1 << 20)], at: start + UInt64(piece))
    }
    try fileSystem.checkpoint()
    let grown = try make("grown")
    var length = 0
    while length < content.count {
      let count = min(content.count - length, Int.random(in: 1...200_000, using: &generator))
      try write(grown, content[length..<length + count], at: start + UInt64(length))
      length += count
      try fileSystem.checkpoint()
    }
    let expected = try chunks(whole)
    let found = try chunks(grown)
    if start % ExtentPage.span + UInt64(content.count) <= ExtentPage.span {
      #expect(found == expected)
    } else {
      // Behind the border of a page the cuts differ until they meet again.
      #expect(Set(found).subtracting(expected).count <= 8)
      #expect(found.suffix(3) == expected.suffix(3))
    }
    fileSystem.close()
  }

  /// What is cut at once is cut in windows of 8 MiB, by several threads.
  @Test(arguments: testSeeds())
  func `a large file is cut as one that grew in small pieces`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let content = generator.bytes(15 << 20)
    let large = try make("large")
    for piece in stride(from: 0, to: content.count, by: 1 << 20) {
      try write(large, content[piece..<piece + 1 << 20], at: UInt64(piece))
    }
    try fileSystem.checkpoint()
    let grown = try make("grown")
    for piece in stride(from: 0, to: content.count, by: 3 << 20) {
      try write(grown, content[piece..<piece + 3 << 20], at: UInt64(piece))
      try fileSystem.checkpoint()
    }
    #expect(try chunks(grown) == chunks(large), "seed \(seed)")
    #expect(try chunks(large).count > 100)
    var found = [UInt8](repeating: 0, count: content.count)
    let count = try found.withUnsafeMutableBytes { try fileSystem.read(large, offset: 0, into: $0) }
    #expect(count == content.count && found == content)
    fileSystem.close()
  }

  @Test func `small files are kept inline, and grow out of it`() throws {
    let node = try make("small")
    try write(node, ModelRun.pool[..<512], at: 0)
    try fileSystem.checkpoint()
    #expect(try extents(node).map(\.content) == [.inline(Array(ModelRun.pool[..<512]))])
    try write(node, ModelRun.pool[512..<513], at: 512)
    try fileSystem.checkpoint()
    #expect(try extents(node).count == 1)
    #expect(try chunks(node).count == 1)
    fileSystem.close()
  }

  @Test func `zeros take no chunk`() throws {
    let node = try make("zeros")
    try write(node, [UInt8](repeating: 0, count: 1 << 20)[...], at: 0)
    try fileSystem.checkpoint()
    #expect(try extents(node).map(\.content) == [.zeros])
    #expect(try fileSystem.attributes(node).allocated == 1 << 20)
    fileSystem.close()
  }

  @Test func `equal content is stored once`() throws {
    let first = try make("first")
    let second = try make("second")
    try write(first, ModelRun.pool[..<500_000], at: 0)
    try write(second, ModelRun.pool[..<500_000], at: 0)
    try fileSystem.checkpoint()
    #expect(try extents(first) == extents(second))
    #expect(try fileSystem.usage().uniqueBytes == 500_000)
    fileSystem.close()
  }

  @Test(arguments: testSeeds(5))
  func `a file that is overwritten here and there does not fall into ever smaller pieces`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let node = try make("file")
    try write(node, ModelRun.pool[...], at: 0)
    try fileSystem.checkpoint()
    for _ in 0..<100 {
      let start = Int.random(in: 0..<ModelRun.pool.count - 5000, using: &generator)
      try write(node, ModelRun.pool[start..<start + 100], at: UInt64.random(in: 0..<1 << 20 - 100, using: &generator))
      try fileSystem.checkpoint()
    }
    // 1 MiB is some 14 chunks of 73 KiB.
    #expect(try extents(node).count < 120)
    fileSystem.close()
  }

  // MARK: Trees brought in

  private func entry(_ path: String, _ content: IngestEntry.Content) -> IngestEntry {
    IngestEntry(path: Array(path.utf8), content: content, mode: 0o750, uid: 7, gid: 8, modified: 123)
  }

  @Test func `a tree is brought in as it was described`() throws {
    let bytes = Array(ModelRun.pool[..<30_000])
    let digest = try bytes.withUnsafeBytes { try fileSystem.addChunk($0) }
    #expect(try fileSystem.missingChunks([digest]).isEmpty)
    let volume = try fileSystem.ingest(
      VolumeRequest(kind: .model, path: "models/m/1"),
      [
        entry("", .directory), entry("a", .directory), entry("a/file", .file([digest, digest])),
        entry("a/again", .hardLink(to: Array("a/file".utf8))), entry("link", .symbolicLink(target: Array("a".utf8))),
        entry("empty", .file([])),
      ])
    #expect(volume.sealed && volume.usedInodes == 5 && volume.usedBytes == 60_000)
    let root = NodeID(volume: volume.id, inode: volume.root)
    let directory = try fileSystem.lookup(root, Array("a".utf8))
    let file = try fileSystem.lookup(directory.node, Array("file".utf8))
    #expect(try fileSystem.lookup(directory.node, Array("again".utf8)).node == file.node)
    #expect(file.linkCount == 2 && file.size == 60_000 && file.mode == FileType.regular | 0o750)
    #expect(file.uid == 7 && file.gid == 8 && file.modified == 123 && directory.modified == 123)
    #expect(try fileSystem.attributes(root).modified == 123)
    var found = [UInt8](repeating: 0, count: 60_000)
    #expect(try found.withUnsafeMutableBytes { try fileSystem.read(file.node, offset: 0, into: $0) } == 60_000)
    #expect(found == bytes + bytes)
    #expect(try fileSystem.readLink(fileSystem.lookup(root, Array("link".utf8)).node) == Array("a".utf8))
    #expect(throws: POSIXError(EROFS)) { try fileSystem.unlink(root, Array("link".utf8), Caller()) }
    fileSystem.close()
  }

  @Test func `a tree that makes no sense leaves nothing behind`() throws {
    let unknown = Digest(words: (1, 2, 3, 4))
    let trees: [[IngestEntry]] = [
      [], [entry("a", .directory)], [entry("", .file([]))],
      [entry("", .directory), entry("a/b", .file([]))],
      [entry("", .directory), entry("a", .file([])), entry("a/b", .file([]))],
      [entry("", .directory), entry("a", .directory), entry("a", .file([]))],
      [entry("", .directory), entry("a", .file([unknown]))],
      [entry("", .directory), entry("a", .hardLink(to: Array("b".utf8)))],
      [entry("", .directory), entry("..", .directory)], [entry("", .directory), entry("a//b", .directory)],
      [entry("", .directory), entry("a", .symbolicLink(target: []))],
      [entry("", .directory), entry(String(repeating: "x", count: 256), .directory)],
    ]
    let before = fileSystem.volumes().map(\.id)
    for (index, tree) in trees.enumerated() {
      #expect(throws: VolumeError.self, "tree \(index)") {
        try fileSystem.ingest(VolumeRequest(kind: .model, path: "models/m/1"), tree)
      }
      #expect(fileSystem.volumes().map(\.id) == before, "tree \(index)")
    }
    try fileSystem.checkpoint()
    try fileSystem.removeDeadLayers()
    #expect(try fileSystem.check(repair: false).isClean)
    fileSystem.close()
  }
}
