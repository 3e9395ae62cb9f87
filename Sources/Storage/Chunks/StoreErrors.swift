import Linux

/// What keeps a store from being opened.
public enum StoreError: Error, CustomStringConvertible, Sendable {
  /// A call to the disk failed.
  case disk(SystemError)
  /// There is no superblock.
  case noStore
  /// There is a store already where one was to be made.
  case storeExists
  /// A file is not what its name says.
  case notOurs(path: String)
  /// A file fails its checksum or says what can't be.
  case damaged(path: String, reason: String)
  /// A file was written by a newer program.
  case newerFormat(path: String, found: UInt32, known: UInt32)
  /// A pack belongs to another store.
  case foreignPack(path: String)

  public var description: String {
    switch self {
    case .disk(let error):
      "the store's disk failed: \(error)"
    case .noStore:
      "there is no store here: the file \(Superblock.path) is missing; make one, or name the store's directory"
    case .storeExists:
      "there is a store here already: use it, or name another directory"
    case .notOurs(let path):
      "\(path) is not a file of Cairn's; name the right directory, or restore the file from a copy"
    case .damaged(let path, let reason):
      "\(path) is damaged: \(reason); restore it from a copy"
    case .newerFormat(let path, let found, let known):
      "\(path) has format version \(found), and this program knows versions up to \(known); run a newer Cairn"
    case .foreignPack(let path):
      "\(path) belongs to another store; move it out of this one"
    }
  }
}

/// What keeps a chunk from being read or stored.
public enum ChunkError: Error, CustomStringConvertible, Sendable {
  /// A call to the disk failed. No space is here too, as ENOSPC.
  case disk(SystemError)
  /// The record is not what was written. Nothing else in the pack need be wrong.
  case damaged(pack: UInt64, offset: UInt64, reason: String)
  /// There is no such pack.
  case missing(pack: UInt64)
  /// The pack is still written to, so it can't be removed.
  case inUse(pack: UInt64)
  /// The pack store was closed.
  case closed

  public var description: String {
    switch self {
    case .disk(let error):
      "the store's disk failed: \(error)"
    case .damaged(let pack, let offset, let reason):
      "the record at \(offset) of \(PackFormat.path(pack)) is damaged: \(reason); run a check of the store"
    case .missing(let pack):
      "\(PackFormat.path(pack)) is missing; restore it from a copy, or run a check of the store"
    case .inUse(let pack):
      "\(PackFormat.path(pack)) is still written to; try again when it is sealed"
    case .closed:
      "the store is closed"
    }
  }
}
