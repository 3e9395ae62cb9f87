import Catalog
import Chunks
import Linux
import TestSupport
import Testing

@testable import FileSystem

/// Repairs for which there is another copy of what is lost.
@Suite struct CopyRepairTests {
  private let store: TestStore
  private let root: NodeID
  private let content = random(50_000, seed: 1)
  private let file: NodeID
  private let row: ChunkRow

  init() throws {
    store = try TestStore()
    root = try store.makeVolume("storage")
    file = try store.write("file", in: root, content)
    try store.fileSystem.synchronizeAll()
    row = try #require(try store.chunks.first)
  }

  private func expectWhole(_ files: [NodeID]) throws {
    for file in files { #expect(try store.read(file) == content) }
    #expect(try store.fileSystem.check(repair: true).repairs == [])
    try store.reopen()
    _ = try store.fileSystem.collectGarbage()
    for file in files { #expect(try store.read(file) == content) }
    #expect(try store.fileSystem.check(repair: false).findings == [])
  }

  @Test func `a lost chunk whose content has another number now is replaced by that one`() throws {
    try store.reopen { try change($0, "DELETE FROM chunk") }
    let again = try store.write("again", in: root, content)
    // Half of it is a map of its own, and the snapshot's layer has the lost number, too.
    let half = try store.write("half", in: root, [])
    _ = try store.fileSystem.copyRange(file, offset: 20_000, to: half, offset: 5, length: 30_000, Caller())
    try store.fileSystem.synchronizeAll()
    let snapshot = try store.fileSystem.snapshot(root.volume, path: nil)
    let seen = NodeID(volume: snapshot.id, inode: file.inode)
    // What was read is in memory, by the lost number.
    for node in [file, seen, half] { #expect(throws: POSIXError.self) { try store.read(node) } }
    #expect(try store.read(again) == content)

    let report = try store.fileSystem.check(repair: true)
    #expect(report.findings == [] && !report.repairs.isEmpty, "\(report)")
    #expect(try store.chunks.count == 1)
    #expect(try store.read(half) == [0, 0, 0, 0, 0] + content[20_000...])
    // What is built on the maps in memory goes on.
    try store.overwrite(half, at: 0, [7])
    try store.fileSystem.synchronizeAll()
    #expect(try store.read(half) == [7, 0, 0, 0, 0] + content[20_000...])
    try expectWhole([file, seen, again])
  }

  @Test func `the healthy copy of a lost chunk and of its damaged replacement serves both`() throws {
    try store.reopen { try change($0, "DELETE FROM chunk") }
    let again = try store.write("again", in: root, content)
    try store.fileSystem.synchronizeAll()
    try store.flipBit(in: try #require(try store.chunks.first))
    for node in [file, again] { #expect(throws: POSIXError.self) { try store.read(node) } }
    #expect(try store.fileSystem.check(repair: true).findings == [])
    try expectWhole([file, again])
  }

  enum Loss: CaseIterable { case damage, missingPack, missingRow }

  /// `number`: that of the record that is whole; nil: that of the chunk.
  @Test(arguments: Loss.allCases, [nil, 1_000_000] as [ChunkID?])
  func `a copy in another pack takes the place of what is lost`(loss: Loss, number: ChunkID?) throws {
    let packs = store.fileSystem.chunkStore.packs
    packs.finish(pack: row.location.pack)
    _ = try content.withUnsafeBytes { try packs.append(row.digest, number ?? row.id, $0) }
    let other = try store.write("other", in: root, random(90_000, seed: 2))
    try store.reopen { path in
      if loss == .missingPack { try LocalDisk(root: path).remove("packs/" + (try #require(try store.packs.first))) }
      if loss != .missingPack { try store.flipBit(in: row) }
      if loss == .missingRow { try change(path, "DELETE FROM chunk WHERE id = \(row.id)") }
    }
    #expect(throws: POSIXError.self) { try store.read(file) }
    // A check alone changes nothing.
    #expect(try !store.fileSystem.check(repair: false).isClean)
    #expect(throws: POSIXError.self) { try store.read(file) }

    let report = try store.fileSystem.check(repair: true)
    #expect(report.findings == [] && report.damagedChunks == 0 && !report.repairs.isEmpty, "\(report)")
    #expect(try store.catalog.quarantined() == [] && store.fileSystem.quarantinedChunks == 0)
    #expect(try store.read(other) == random(90_000, seed: 2))
    try expectWhole([file])
  }

  @Test func `a copy that is damaged too helps nobody`() throws {
    let packs = store.fileSystem.chunkStore.packs
    packs.finish(pack: row.location.pack)
    let copy = try packs.copy(row.location, row.id, row.digest)
    try store.reopen { _ in
      try store.flipBit(in: row)
      try store.flipBit(in: ChunkRow(id: row.id, digest: row.digest, location: copy))
    }
    let report = try store.fileSystem.check(repair: true)
    #expect(report.damagedChunks == 1 && report.findings.flatMap(\.paths) == ["storage/file"], "\(report)")
    #expect(throws: POSIXError.self) { try store.read(file) }
    // And it heals as always.
    let again = try store.write("again", in: root, content)
    try store.fileSystem.synchronizeAll()
    try expectWhole([file, again])
  }
}
