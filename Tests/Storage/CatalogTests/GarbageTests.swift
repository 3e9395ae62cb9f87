import Catalog
import Chunks
import Testing

/// What the garbage collector and `cairn storage check` rely on.
@Suite struct GarbageTests {
  let scratch = Scratch()

  /// Chunks 1 and 2 of pack 1 are referred to, 3 is not; pack 2 is empty.
  private func makeCatalog() throws -> Catalog {
    let catalog = try Catalog(directory: scratch.path)
    var batch = CatalogBatch()
    batch.packs = [PackRow(id: 1, bytes: 5000), PackRow(id: 2, bytes: 10)]
    batch.chunks = [chunkRow(1, storedLength: 10), chunkRow(2, storedLength: 20), chunkRow(3, storedLength: 40)]
    batch.extentPages = [
      (
        1, 7, 0,
        [1, 2, 1].enumerated().map { Extent(offset: UInt64($0) * 300, length: 300, content: .chunk($1, offset: 0)) }
      )
    ]
    try catalog.commit(batch)
    return catalog
  }

  @Test func onlyChunksThatNoFileRefersToAreForgotten() throws {
    let catalog = try makeCatalog()
    #expect(try catalog.deadChunks(in: 1) == [chunkRow(3, storedLength: 40)])
    #expect(throws: CatalogError.self) { try catalog.forget(chunks: [3, 2]) }
    #expect(try catalog.chunks(in: 1).map(\.id) == [1, 2, 3])
    #expect(throws: CatalogError.self) { try catalog.forget(packs: [2, 1]) }
    try catalog.forget(chunks: [3, 99])
    #expect(try catalog.chunks(in: 1).map(\.id) == [1, 2])
    try catalog.forget(packs: [2])
    #expect(try catalog.packUsage() == [PackRow(id: 1, bytes: 5000, liveBytes: 30)])
    #expect(try catalog.check() == [])
  }

  @Test func relocatedChunksTakeTheirLiveBytesAlong() throws {
    let catalog = try makeCatalog()
    var to = chunkRow(1, pack: 3, storedLength: 15).location
    try catalog.relocate(
      [(2, chunkRow(2, pack: 2, storedLength: 20).location), (1, to)], packs: [PackRow(id: 3, bytes: 9)])
    #expect(try catalog.packUsage().map(\.liveBytes) == [0, 20, 15])
    #expect(try catalog.chunk(id: 1)?.location == to)
    #expect(try catalog.chunkTotals() == ChunkTotals(count: 2, uniqueBytes: 600, storedBytes: 35))
    #expect(throws: CatalogError.self) { try catalog.relocate([(98, to)]) }
    to.length += 1
    #expect(throws: CatalogError.self) { try catalog.relocate([(1, to)]) }
    #expect(try catalog.check() == [])
  }

  @Test func deletingAnInodeGivesItsReferencesBack() throws {
    for row in [whiteout, nil] {
      let scratch = Scratch()
      let catalog = try Catalog(directory: scratch.path)
      var batch = CatalogBatch()
      batch.packs = [PackRow(id: 1, bytes: 5000)]
      batch.chunks = [chunkRow(1)]
      batch.inodes = [(1, 7, file())]
      batch.extentPages = [(1, 7, 4, [Extent(offset: 64 << 20, length: 9, content: .chunk(1, offset: 3))])]
      batch.attributes = [(1, 7, [1], [2])]
      try catalog.commit(batch)
      #expect(try catalog.chunkTotals().count == 1)
      batch = CatalogBatch()
      if let row { batch.inodes = [(1, 7, row)] } else { batch.inodeRemovals = [(1, 7)] }
      try catalog.commit(batch)
      #expect(try catalog.chunkTotals() == ChunkTotals())
      #expect(try catalog.attributeNames([1], 7) == [])
      #expect(try catalog.lastExtentPage([1], 7) == nil)
      #expect(try catalog.check() == [])
    }
  }

  @Test func aBatchThatRefersToAnUnknownChunkIsRefused() throws {
    let catalog = try makeCatalog()
    var batch = CatalogBatch()
    batch.inodes = [(1, 8, file())]
    batch.extentPages = [(1, 8, 0, [Extent(offset: 0, length: 1, content: .chunk(55, offset: 0))])]
    let error = #expect(throws: CatalogError.self) { try catalog.commit(batch) }
    #expect(error?.code == .damaged)
    #expect(error?.description.contains("chunk 55") == true)
    #expect(try catalog.inode([1], 8) == nil)
  }

  @Test func theCheckFindsEveryKindOfContradiction() throws {
    let catalog = try makeCatalog()
    #expect(try catalog.check() == [])
    try rewrite(
      """
      UPDATE chunk SET refs = 9 WHERE id = 1; DELETE FROM chunk WHERE id = 2;
      UPDATE pack SET live_bytes = 1 WHERE id = 2; INSERT INTO chunk VALUES (4, zeroblob(32), 77, 0, 1, 1, 0, 0);
      INSERT INTO extent VALUES (1, 9, 2, x'0100'); UPDATE meta SET value = 5 WHERE key = 'live_chunks'
      """, catalog)
    let findings = try catalog.check()
    for text in [
      "chunk 1 has 9 references, but 2 are found", "chunk 2 is referred to 1 times, but is not there",
      "pack 2 has 1 live bytes, but 0 are found", "pack 77 has chunks, but is not there",
      "the map of inode 9, page 2 in layer 1: ", "the totals of chunks are kept as ",
    ] {
      #expect(findings.contains { $0.hasPrefix(text) }, "\(text) is not in \(findings)")
    }
    let error = #expect(throws: CatalogError.self) { try catalog.extentPage([1], 9, page: 2) }
    #expect(error?.code == .damaged)
  }
}
