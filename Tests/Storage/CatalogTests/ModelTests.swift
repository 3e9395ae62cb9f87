import Catalog
import Testing

/// Random batches on the real catalog and on the model; both must answer the same.
@Suite struct ModelTests {
  let scratch = Scratch()
  let layers: [LayerID] = [1, 2, 3, 4]
  let chains: [[LayerID]] = [[1], [2, 1], [3, 2, 1], [4, 2, 1], [4, 3, 2, 1]]

  @Test(arguments: seeds) func layeredRowsReadAsTheModelSays(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let catalog = try Catalog(directory: scratch.path)
    var model = CatalogModel()
    var setUp = CatalogBatch()
    setUp.packs = [PackRow(id: 1, bytes: 1)]
    setUp.chunks = (0..<40).map { chunkRow($0) }
    try catalog.commit(setUp)
    for round in 0..<60 {
      let batch = randomBatch(&random)
      try catalog.commit(batch)
      model.apply(batch)
      guard round % 4 == 0 else { continue }
      for chain in chains {
        for number: InodeNumber in 1...6 {
          #expect(try catalog.inode(chain, number) == model.inode(chain, number), "seed \(seed), round \(round)")
          let expected = model.entries(chain, number)
          for limit in [1, 3, 100] {
            #expect(
              try list(catalog, chain, number, limit) == expected, "seed \(seed), round \(round), limit \(limit)")
          }
          let pages = model.pages(chain, number)
          let found = try catalog.extentPages(chain, number, from: 0, limit: 3 + random.below(10))
          #expect(found.map(\.page) == pages.keys.sorted(), "seed \(seed), round \(round)")
          for (page, extents) in found { #expect(extents == pages[page], "seed \(seed), round \(round)") }
          #expect(try catalog.lastExtentPage(chain, number) == pages.keys.max(), "seed \(seed), round \(round)")
        }
      }
    }
  }

  @Test(arguments: seeds) func countedReferencesAreThoseThatAreThere(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let catalog = try Catalog(directory: scratch.path)
    var model = CatalogModel()
    var setUp = CatalogBatch()
    setUp.layers = layers.map { LayerRow(id: $0, parent: $0 == 1 ? nil : $0 - 1) }
    setUp.packs = (1...3).map { PackRow(id: $0, bytes: 1 << 20) }
    // Half of the chunks come first; the others with the batch that refers to them.
    setUp.chunks = (0..<20).map { chunkRow($0, pack: 1 + $0 % 3, storedLength: 10 + UInt32($0)) }
    try catalog.commit(setUp)
    for round in 0..<40 {
      var batch = randomBatch(&random)
      if round == 0 { batch.chunks = (20..<40).map { chunkRow($0, pack: 1 + $0 % 3, storedLength: 10 + UInt32($0)) } }
      try catalog.commit(batch)
      model.apply(batch)
      if round % 5 == 4 { try expectRight(catalog, model, "seed \(seed), round \(round)") }
    }

    // Two layers go, a few rows at a time; after each step the counts are right.
    for layer: LayerID in [4, 2] {
      #expect(throws: CatalogError.self) { try catalog.removeLayer(layer, limit: 3) }
      var batch = CatalogBatch()
      batch.layerRemovals = [layer]
      try catalog.commit(batch)
      #expect(try catalog.deadLayers() == [layer])
      while try !catalog.removeLayer(layer, limit: 1 + random.below(7)) {
        #expect(try catalog.check() == [], "seed \(seed), layer \(layer)")
        #expect(try catalog.deadLayers() == [layer])
      }
      #expect(try catalog.deadLayers() == [])
      model.remove(layer: layer)
      try expectRight(catalog, model, "seed \(seed), layer \(layer) removed")
      for number: InodeNumber in 1...6 {
        #expect(try catalog.inode([layer], number) == nil)
        #expect(try catalog.entries([layer], number, after: 0, limit: 1) == [])
        #expect(try catalog.attributeNames([layer], number) == [])
      }
    }
    #expect(try catalog.layers().map(\.id) == [1, 3])
  }

  private func expectRight(_ catalog: Catalog, _ model: CatalogModel, _ comment: Comment) throws {
    #expect(try catalog.check() == [], comment)
    let live = model.references.keys
    var bytes: [UInt64: UInt64] = [1: 0, 2: 0, 3: 0]
    for chunk in live { bytes[1 + chunk % 3]! += 10 + chunk }
    #expect(try catalog.packUsage().map(\.liveBytes) == [bytes[1]!, bytes[2]!, bytes[3]!], comment)
    let totals = try catalog.chunkTotals()
    #expect(totals.count == UInt64(live.count), comment)
    #expect(totals.uniqueBytes == 300 * UInt64(live.count), comment)
    #expect(totals.storedBytes == bytes.values.reduce(0, +), comment)
    for pack: UInt64 in 1...3 {
      let dead = try catalog.deadChunks(in: pack).map(\.id)
      #expect(dead == (try catalog.chunks(in: pack)).map(\.id).filter { !live.contains($0) }, comment)
    }
  }

  /// The whole directory, read `limit` entries at a time.
  private func list(
    _ catalog: Catalog, _ chain: [LayerID], _ parent: InodeNumber, _ limit: Int
  ) throws -> [DirectoryEntry] {
    var entries: [DirectoryEntry] = []
    while true {
      let more = try catalog.entries(chain, parent, after: entries.last?.cookie ?? 0, limit: limit)
      entries += more
      if more.count < limit { return entries }
    }
  }

  private func randomBatch(_ random: inout SeededGenerator) -> CatalogBatch {
    var batch = CatalogBatch()
    func layer() -> LayerID { layers[random.below(layers.count)] }
    func number() -> InodeNumber { InodeNumber(1 + random.below(6)) }
    for _ in 0..<random.below(6) {
      batch.inodes.append((layer(), number(), random.below(4) == 0 ? whiteout : file(size: random.next())))
    }
    for _ in 0..<random.below(3) { batch.inodeRemovals.append((layer(), number())) }
    for _ in 0..<random.below(20) {
      let cookie = UInt64(1 + random.below(40))
      let entry = DirectoryEntry(
        cookie: cookie, name: bytes("name \(cookie)"), node: random.below(3) == 0 ? 0 : 1 + random.next() >> 1,
        type: 0o100000)
      batch.entries.append((layer(), number(), entry))
    }
    for _ in 0..<random.below(6) { batch.entryRemovals.append((layer(), number(), UInt64(1 + random.below(40)))) }
    for _ in 0..<random.below(6) {
      let page = UInt64(random.below(3))
      let extents = random.below(5) == 0 ? nil : randomExtents(page: page, chunks: 40, &random)
      batch.extentPages.append((layer(), number(), page, extents))
    }
    for _ in 0..<random.below(3) {
      batch.attributes.append((layer(), number(), [UInt8(random.below(4))], random.below(2) == 0 ? nil : [1]))
    }
    return batch
  }
}
