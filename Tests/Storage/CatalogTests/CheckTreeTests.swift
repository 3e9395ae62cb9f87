import Testing

@testable import Catalog

@Suite struct CheckTreeTests {
  @Test(arguments: [Int64.min, -1, 7, .max])
  func `a link count that can't be is told, however far off it is`(count: Int64) throws {
    let scratch = Scratch()
    let catalog = try Catalog(directory: scratch.path)
    var batch = CatalogBatch()
    batch.volumes = [
      VolumeRow(id: 1, kind: .persistent, path: bytes("storage"), layer: 1, root: 1, created: 0)
    ]
    batch.layers = [LayerRow(id: 1, parent: nil)]
    batch.inodes = [(1, 1, InodeRow(mode: 0o040755, uid: 0, gid: 0, linkCount: 2)), (1, 7, file())]
    batch.entries = [(1, 1, DirectoryEntry(cookie: 3, name: bytes("a"), node: 7, type: 0o100000))]
    try catalog.commit(batch)
    #expect(try catalog.checkTree(of: 1)?.findings.isEmpty == true)
    try rewrite("UPDATE inode SET link_count = \(count) WHERE ino = 7", catalog)
    let findings = try #require(try catalog.checkTree(of: 1)).findings
    #expect(findings.contains { $0.inode == 7 && $0.sentence.contains("link count") }, "\(findings)")
  }
}
