import Linux
import TestSupport

@testable import Chunks

/// A chunk that was put in a store, to be looked for later.
struct StoredChunk: Sendable {
  var content: [UInt8]
  var digest: Digest
  var number: ChunkID
  var location: ChunkLocation
}

/// A store's disk in a directory of its own.
final class PackFixture: Sendable {
  static let storeID: [UInt8] = Array(100..<116)
  let directory = TemporaryDirectory()
  let disk: LocalDisk

  init() { disk = LocalDisk(root: directory.path) }

  func open(
    packBytes: UInt64 = 1 << 20, nextPack: UInt64 = 1, known: [UInt64: UInt64] = [:]
  ) throws(StoreError) -> PackStore {
    try PackStore(disk: disk, storeID: Self.storeID, nextPack: nextPack, packBytes: packBytes, known: known)
  }

  func scanner(_ pack: UInt64) throws(StoreError) -> PackScanner {
    try PackScanner(disk: disk, storeID: Self.storeID, pack: pack)
  }

  func records(_ pack: UInt64, payloads: Bool) throws(StoreError) -> [PackScanner.Record] {
    var records: [PackScanner.Record] = []
    try scanner(pack).scan(payloads: payloads) {
      records.append($0)
      return true
    }
    return records
  }

  func bytes(_ pack: UInt64) throws -> [UInt8] {
    let file = try disk.open(PackFormat.path(pack), create: false)
    return try file.read(Int(file.length()), at: 0)
  }

  func flip(_ pack: UInt64, _ offset: UInt64, bit: UInt8 = 0) throws {
    let file = try disk.open(PackFormat.path(pack), create: false)
    var byte = try file.read(1, at: offset)
    byte[0] ^= 1 << bit
    try file.write(byte, at: offset)
  }

  func cut(_ pack: UInt64, to length: UInt64) throws {
    try disk.open(PackFormat.path(pack), create: false).truncate(to: length)
  }
}

extension Digest {
  init(of content: [UInt8]) { self = content.withUnsafeBytes { Digest(of: $0) } }
}

extension PackStore {
  /// Chunks that nobody looks for by number may all have the same.
  func store(_ content: [UInt8], as number: ChunkID = 1) throws -> StoredChunk {
    let digest = Digest(of: content)
    return StoredChunk(
      content: content, digest: digest, number: number,
      location: try content.withUnsafeBytes { try append(digest, number, $0) })
  }

  func read(_ chunk: StoredChunk) throws -> [UInt8] { try reader(chunk.location.pack).read(chunk) }
}

extension PackReader {
  func read(_ chunk: StoredChunk) throws -> [UInt8] {
    var content = [UInt8](repeating: 0xAA, count: Int(chunk.location.length))
    try content.withUnsafeMutableBytes { try read(chunk.location, chunk.number, chunk.digest, into: $0) }
    return content
  }
}

/// Whether `body` throws ``ChunkError/damaged(pack:offset:reason:)`` for this place.
func isDamaged(_ location: ChunkLocation, _ body: () throws -> Void) -> Bool {
  do {
    try body()
    return false
  } catch ChunkError.damaged(location.pack, location.offset, _) {
    return true
  } catch {
    return false
  }
}
