import Catalog
import Testing

/// What a volume sees through its stack of layers.
@Suite struct LayeringTests {
  let scratch = Scratch()

  @Test func everyFieldComesBackAsItWasStored() throws {
    let catalog = try Catalog(directory: scratch.path)
    let inode = InodeRow(
      mode: .max, uid: .max, gid: .max - 1, linkCount: 3, device: .max, size: .max - 2, allocated: 1 << 63,
      accessed: .min, modified: -1, changed: .max, born: 5, parent: 9, target: [0, 255, 10])
    let volume = VolumeRow(
      id: 0xff_ffff, kind: .artifact, path: [255, 254], layer: 5, root: 6, sealed: true, quotaBytes: .max,
      quotaInodes: 8, usedBytes: 9, usedInodes: 10, created: -11, source: 12)
    let plain = VolumeRow(id: 0, kind: .skeleton, path: nil, layer: 1, root: 1, created: 0)
    var batch = CatalogBatch(
      counters: Counters(appliedSequence: 1, nextInode: 2, nextVolume: 3, nextLayer: 4, nextChunk: 5, nextPack: 6))
    batch.inodes = [(1, 7, inode)]
    batch.volumes = [volume, plain]
    batch.layers = [LayerRow(id: 1, parent: nil), LayerRow(id: 2, parent: 1)]
    batch.packs = [PackRow(id: 1, bytes: 1 << 40, liveBytes: 77)]
    batch.chunks = [chunkRow(3)]
    batch.attributes = [(1, 7, bytes("user.empty"), []), (1, 7, [200, 201], [0, 1])]
    try catalog.commit(batch)

    #expect(try catalog.inode([1], 7) == inode)
    #expect(try catalog.volumes() == [plain, volume])
    #expect(try catalog.layers() == batch.layers)
    #expect(try catalog.counters() == batch.counters)
    #expect(try catalog.packUsage() == [PackRow(id: 1, bytes: 1 << 40, liveBytes: 0)])
    #expect(try catalog.chunk(id: 3) == chunkRow(3))
    #expect(try catalog.chunk(digest: digest(3)) == chunkRow(3))
    #expect(try catalog.existing([digest(4), digest(3)]) == [digest(3): chunkRow(3)])
    #expect(try catalog.attribute([1], 7, name: bytes("user.empty")) == [])
    #expect(try catalog.attributeNames([1], 7) == [bytes("user.empty"), [200, 201]])

    var second = CatalogBatch(counters: batch.counters)
    second.volumeRemovals = [0]
    try catalog.commit(second)
    #expect(try catalog.volumes() == [volume])
  }

  @Test func theTopRowWinsAndAWhiteoutHidesWhatLiesBelow() throws {
    let catalog = try Catalog(directory: scratch.path)
    var batch = CatalogBatch()
    batch.inodes = [
      (1, 10, file(size: 1)), (1, 11, file(size: 1)), (1, 12, file(size: 1)),
      (2, 11, file(size: 2)), (2, 12, whiteout),
      (3, 12, file(size: 3)), (4, 11, whiteout),
    ]
    try catalog.commit(batch)
    func size(_ chain: [LayerID], _ number: InodeNumber) throws -> UInt64? {
      try catalog.inode(chain, number)?.size
    }
    #expect(try [10, 11, 12, 13].map { try size([2, 1], $0) } == [1, 2, nil, nil])
    #expect(try [10, 11, 12].map { try size([3, 2, 1], $0) } == [1, 2, 3])
    #expect(try [10, 11, 12].map { try size([4, 3, 2, 1], $0) } == [1, nil, 3])
    #expect(try [10, 11, 12].map { try size([4, 1], $0) } == [1, nil, 1])
    #expect(try size([], 10) == nil)
  }

  @Test func namesAreFoundByHashThroughLayers() throws {
    let catalog = try Catalog(directory: scratch.path)
    let hash: UInt64 = 1 << 54 | 5
    let a = DirectoryEntry(cookie: hash << 8, name: bytes("a"), node: 20, type: 0o100000)
    let b = DirectoryEntry(cookie: hash << 8 | 255, name: bytes("b"), node: .max, type: 0o040000)
    var aGone = a
    aGone.node = 0
    var batch = CatalogBatch()
    batch.entries = [(1, 2, a), (1, 2, b), (2, 2, aGone), (1, 3, a)]
    try catalog.commit(batch)

    #expect(try catalog.entry([1], 2, hash: hash, name: bytes("a")) == a)
    #expect(try catalog.entry([2, 1], 2, hash: hash, name: bytes("a")) == nil)
    #expect(try catalog.entry([2, 1], 2, hash: hash, name: bytes("b")) == b)
    #expect(try catalog.entry([2, 1], 2, hash: hash + 1, name: bytes("b")) == nil)
    #expect(try catalog.entry([2, 1], 4, hash: hash, name: bytes("b")) == nil)
    #expect(try catalog.usedCookies([2, 1], 2, hash: hash) == [a.cookie, b.cookie])
    #expect(try catalog.usedCookies([2], 2, hash: hash) == [a.cookie])
    #expect(try catalog.knownCookie([2, 1], 2, hash: hash, name: bytes("a")) == a.cookie)
    #expect(try catalog.knownCookie([2, 1], 2, hash: hash, name: bytes("c")) == nil)
  }

  @Test func anEmptyPageHidesTheOneBelowAndADeletedRowDoesNot() throws {
    let catalog = try Catalog(directory: scratch.path)
    let low = [Extent(offset: 5, length: 3, content: .inline([1, 2, 3]))]
    let high = [Extent(offset: ExtentPage.span * 3, length: 1, content: .inline([9]))]
    var batch = CatalogBatch()
    batch.extentPages = [(1, 7, 0, low), (1, 7, 3, high), (2, 7, 0, []), (2, 7, 5, []), (1, 8, 9, [])]
    try catalog.commit(batch)
    #expect(try catalog.extentPage([1], 7, page: 0) == low)
    #expect(try catalog.extentPage([2, 1], 7, page: 0) == [])
    #expect(try catalog.extentPage([2, 1], 7, page: 1) == nil)
    #expect(try catalog.lastExtentPage([2, 1], 7) == 5)
    #expect(try catalog.lastExtentPage([2, 1], 6) == nil)
    let pages = try catalog.extentPages([2, 1], 7, from: 0, limit: 10)
    #expect(pages.map(\.page) == [0, 3, 5])
    #expect(pages.map(\.extents) == [[], high, []])
    #expect(try catalog.extentPages([2, 1], 7, from: 1, limit: 1).map(\.page) == [3])

    batch = CatalogBatch()
    batch.extentPages = [(2, 7, 0, nil)]
    try catalog.commit(batch)
    #expect(try catalog.extentPage([2, 1], 7, page: 0) == low)
  }

  @Test func attributesAreLayeredToo() throws {
    let catalog = try Catalog(directory: scratch.path)
    var batch = CatalogBatch()
    batch.attributes = [
      (1, 7, bytes("a"), [1]), (1, 7, bytes("b"), [1]), (2, 7, bytes("b"), nil), (2, 7, bytes("c"), [2]),
      (3, 7, bytes("b"), [3]),
    ]
    try catalog.commit(batch)
    #expect(try catalog.attributeNames([2, 1], 7) == [bytes("a"), bytes("c")])
    #expect(try catalog.attribute([2, 1], 7, name: bytes("b")) == nil)
    #expect(try catalog.attribute([3, 2, 1], 7, name: bytes("b")) == [3])
    #expect(try catalog.attributeNames([3, 2, 1], 7) == [bytes("a"), bytes("b"), bytes("c")])

    batch = CatalogBatch()
    batch.attributeRemovals = [(2, 7, bytes("b"))]
    try catalog.commit(batch)
    #expect(try catalog.attribute([2, 1], 7, name: bytes("b")) == [1])
  }

  @Test func onlyUnlinkedInodesThatExistAreListedForCleaningUp() throws {
    let catalog = try Catalog(directory: scratch.path)
    var batch = CatalogBatch()
    batch.inodes = [(1, 5, file(linkCount: 0)), (1, 3, file(linkCount: 0)), (1, 4, file()), (1, 6, whiteout)]
    batch.inodes.append((2, 9, file(linkCount: 0)))
    try catalog.commit(batch)
    #expect(try catalog.unlinkedInodes(1) == [3, 5])
    batch = CatalogBatch()
    batch.inodes = [(1, 3, whiteout), (1, 5, file())]
    try catalog.commit(batch)
    #expect(try catalog.unlinkedInodes(1) == [])
  }

  @Test func anyCookieOrPageMayBeAskedFor() throws {
    let catalog = try Catalog(directory: scratch.path)
    let entry = DirectoryEntry(cookie: UInt64(Int64.max), name: bytes("last"), node: 3, type: 0)
    var batch = CatalogBatch()
    batch.entries = [(1, 5, entry)]
    batch.extentPages = [(1, 5, 1, [])]
    try catalog.commit(batch)
    for cookie: UInt64 in [0, 1 << 62, 1 << 63 - 2] {
      #expect(try catalog.entries([1], 5, after: cookie, limit: 1) == [entry])
      #expect(try catalog.entries([1], 5, after: cookie, limit: 5) == [entry])
    }
    for cookie: UInt64 in [1 << 63 - 1, 1 << 63, .max] {
      #expect(try catalog.entries([1], 5, after: cookie, limit: 1) == [])
    }
    #expect(try catalog.entries([1], 5, after: 0, limit: 0) == [])
    #expect(try catalog.extentPages([1], 5, from: .max, limit: 5).isEmpty)
    #expect(try catalog.extentPage([1], 5, page: .max) == nil)
  }
}
