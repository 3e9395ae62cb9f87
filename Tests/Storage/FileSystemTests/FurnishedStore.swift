import CSQLite
import Catalog
import TestSupport
import Testing

@testable import FileSystem

func random(_ count: Int, seed: UInt64) -> [UInt8] {
  var generator = SeededGenerator(seed: seed)
  return generator.bytes(count)
}

/// Changes the catalog of a closed store behind its back.
func change(_ path: String, _ sql: String) throws {
  var database: OpaquePointer?
  defer { sqlite3_close(database) }
  guard sqlite3_open("\(path)/catalog.db", &database) == SQLITE_OK,
    sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK
  else { throw CatalogError(.failed, sql, String(cString: sqlite3_errmsg(database))) }
}

/// A store with some of everything.
func furnishedStore() throws -> (store: TestStore, root: NodeID, files: [NodeID: [UInt8]]) {
  let store = try TestStore()
  let root = try store.makeVolume("storage")
  let fileSystem = store.fileSystem
  var files: [NodeID: [UInt8]] = [:]
  let directory = try fileSystem.make(root, Array("dir".utf8), NewNode(mode: FileType.directory | 0o755), Caller()).node
  let deeper = try fileSystem.make(directory, Array("deep".utf8), NewNode(mode: FileType.directory | 0o755), Caller())
    .node
  for index in 0..<6 {
    let content = random(100 + index * 90_000, seed: UInt64(index))
    files[try store.write("f\(index)", in: index % 2 == 0 ? directory : deeper, content)] = content
  }
  let first = try #require(files.keys.min { $0.rawValue < $1.rawValue })
  _ = try fileSystem.link(first, to: deeper, Array("another".utf8), Caller())
  try fileSystem.synchronizeAll()
  _ = try fileSystem.snapshot(root.volume, path: nil)
  let clone = try fileSystem.clone(root.volume, VolumeRequest(kind: .persistent, path: "volumes/clone"))
  let cloned = NodeID(volume: clone.id, inode: clone.root)
  let gone = try fileSystem.lookup(cloned, Array("dir".utf8)).node
  try fileSystem.unlink(gone, Array("f2".utf8), Caller())
  try store.write("new", in: gone, random(70_000, seed: 77))
  try fileSystem.synchronizeAll()
  return (store, root, files)
}
