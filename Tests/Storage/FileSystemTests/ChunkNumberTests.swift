import Catalog
import Chunks
import Linux
import TestSupport
import Testing

@testable import FileSystem

/// The digest and the number of each record in the packs of a store.
private func records(_ path: String, storeID: [UInt8]) throws -> [(digest: Digest, chunk: ChunkID)] {
  let disk = LocalDisk(root: path)
  var records: [(Digest, ChunkID)] = []
  for name in try disk.list("packs") {
    guard let pack = UInt64(name.prefix(16), radix: 16) else { continue }
    try PackScanner(disk: disk, storeID: storeID, pack: pack).scan(payloads: true) {
      records.append(($0.digest, $0.chunk))
      return true
    }
  }
  return records
}

@Test func recordsHaveTheNumbersThatTheCatalogHas() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  try store.write("a", in: root, random(700_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  let victim = try #require(try store.chunks.first)
  try store.write("b", in: root, random(700_000, seed: 2))
  try store.fileSystem.synchronizeAll()
  // Damaged, stored anew and copied to another pack: the number stays.
  try store.flipBit(in: victim)
  _ = try store.fileSystem.check(repair: false)
  try store.write("again", in: root, random(700_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  try store.remove("b", in: root)
  #expect(try store.fileSystem.collectGarbage().repackedPacks > 0)
  let rows = try store.chunks
  #expect(rows.contains { $0.id == victim.id && $0.location != victim.location })
  let records = try records(store.directory.path, storeID: store.fileSystem.storeID)
  for row in rows { #expect(records.contains { $0.digest == row.digest && $0.chunk == row.id }) }
  for record in records {
    #expect(!rows.contains { $0.id == record.chunk && $0.digest != record.digest }, "a number has one content")
  }
}

@Test func numbersOfChunksThatAKilledProcessStoredAreNotGivenOutAgain() throws {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  try store.write("known", in: root, random(50_000, seed: 1))
  try store.fileSystem.synchronizeAll()
  let lost = try random(50_000, seed: 2).withUnsafeBytes { try store.fileSystem.chunkStore.store($0) }
  let killed = try TestStore(copyOf: store)
  let next = try random(50_000, seed: 3).withUnsafeBytes { try killed.fileSystem.chunkStore.store($0) }
  #expect(next.id > lost.id)
  #expect(try killed.catalog.chunk(id: lost.id) == nil)
}
