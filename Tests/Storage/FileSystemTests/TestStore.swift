import Catalog
import Chunks
import FoundationEssentials
import Glibc
import Linux
import Synchronization
import TestSupport

@testable import FileSystem

/// A store in a directory of its own, with packs of 1 MiB so that there are many, that can be damaged,
/// copied and opened again.
final class TestStore {
  let directory = TemporaryDirectory()
  private(set) var fileSystem: FileSystem
  let reports = Reports()

  /// What the file system reported.
  final class Reports: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
  }

  init(checkpointSeconds: Double = 1000) throws {
    fileSystem = try Self.open(directory.path, reports, checkpointSeconds)
  }

  /// The store as it would be found if its process were killed now, after `body` did something to it.
  init(copyOf other: TestStore, _ body: (String) throws -> Void = { _ in }) throws {
    try copyDirectory(other.directory.path, to: directory.path)
    try body(directory.path)
    fileSystem = try Self.open(directory.path, reports, 1000)
  }

  private static func open(_ path: String, _ reports: Reports, _ seconds: Double) throws -> FileSystem {
    var options = FileSystem.Options()
    options.packBytes = 1 << 20
    options.segmentBytes = 4 << 20
    options.cacheBytes = 0
    options.checkpointSeconds = seconds
    options.report = { reports.add($0) }
    return try FileSystem(disk: LocalDisk(root: path), catalogDirectory: path, options: options)
  }

  deinit { fileSystem.close() }

  /// Closes the store, lets `body` do something to its directory, and opens it again.
  func reopen(_ body: (String) throws -> Void = { _ in }) throws {
    fileSystem.close()
    try body(directory.path)
    fileSystem = try Self.open(directory.path, reports, 1000)
  }

  // MARK: Files

  func makeVolume(_ path: String) throws -> NodeID {
    let volume = try fileSystem.createVolume(VolumeRequest(kind: .persistent, path: path))
    return NodeID(volume: volume.id, inode: volume.root)
  }

  @discardableResult
  func write(_ name: String, in parent: NodeID, _ bytes: [UInt8]) throws -> NodeID {
    let file = try fileSystem.make(parent, Array(name.utf8), NewNode(mode: FileType.regular | 0o644), Caller())
    try overwrite(file.node, at: 0, bytes)
    return file.node
  }

  func overwrite(_ node: NodeID, at offset: UInt64, _ bytes: [UInt8]) throws {
    _ = try bytes.withUnsafeBytes {
      try fileSystem.write(node, offset: offset, bytes: $0, clearSetID: false, Caller())
    }
  }

  func read(_ node: NodeID) throws -> [UInt8] {
    let size = try fileSystem.attributes(node).size
    var bytes = [UInt8](repeating: 0, count: Int(size))
    let count = try bytes.withUnsafeMutableBytes { try fileSystem.read(node, offset: 0, into: $0) }
    return Array(bytes[..<count])
  }

  /// Removes a name, and gives the kernel's references back.
  func remove(_ name: String, in parent: NodeID) throws {
    let node = try fileSystem.lookup(parent, Array(name.utf8)).node
    try fileSystem.unlink(parent, Array(name.utf8), Caller())
    fileSystem.forget(node, count: .max / 2)
  }

  // MARK: Disk

  var packs: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/packs").sorted() }
  }

  /// Bytes that the packs take on the disk below.
  var packBytesOnDisk: UInt64 {
    get throws {
      try packs.reduce(0) { sum, name in
        var status = stat()
        guard lstat("\(directory.path)/packs/\(name)", &status) == 0 else { return sum }
        return sum + UInt64(status.st_blocks) * 512
      }
    }
  }

  /// Turns a bit in the middle of the record of a chunk.
  func flipBit(in chunk: ChunkRow) throws {
    let disk = LocalDisk(root: directory.path)
    let digits = String(chunk.location.pack, radix: 16)
    let path = "packs/\(String(repeating: "0", count: 16 - digits.count))\(digits).pack"
    let file = try disk.open(path, create: false)
    let offset = chunk.location.offset + 60 + UInt64(chunk.location.storedLength) / 2
    var byte: [UInt8] = [0]
    _ = try byte.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
    byte[0] ^= 0x10
    try byte.withUnsafeBytes { try file.write($0, at: offset) }
  }

  var catalog: Catalog { fileSystem.catalog }

  /// All chunks in the catalog.
  var chunks: [ChunkRow] {
    get throws { try catalog.packUsage().flatMap { try catalog.chunks(in: $0.id) } }
  }
}
