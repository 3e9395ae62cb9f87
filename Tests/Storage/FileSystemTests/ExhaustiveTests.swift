import Catalog
import Glibc
import Journal
import Synchronization
import TestSupport
import Testing

@testable import FileSystem

/// A soak sets CAIRN_EXHAUSTIVE, and tries all pairs instead of some.
private let isSoak = getenv("CAIRN_EXHAUSTIVE") != nil

/// Every short history of a few operations, with a power cut at every call of the disk: what ACE does
/// for file systems of the kernel (Mohan et al., OSDI 2018: most crash bugs need three operations at most).
@Suite struct ExhaustiveTests {
  /// The disk as it was before one of its calls.
  private struct Image: Sendable {
    let disk: SimulatedDisk
    let durable: LogSequenceNumber
    let call: String
  }

  @Test(arguments: Step.allCases)
  func `one operation, and a power cut at any call`(step: Step) throws {
    try explore([step], keeping: [0, 0.3, 0.7, 1])
  }

  @Test(arguments: Step.allCases)
  func `two operations, and a power cut at any call`(step: Step) throws {
    for second in Step.allCases where isSoak || Int.random(in: 0..<24) == 0 {
      try explore([step, second], keeping: isSoak ? [0, 0.3, 0.7, 1] : [0, 0.5])
    }
  }

  private func explore(_ steps: [Step], keeping: [Double]) throws {
    let disk = SimulatedDisk()
    let run = try ModelRun(seed: 1, cachedInodes: 1000, store: .simulated(disk))
    try prepare(run)
    // Taken on whatever thread calls the disk.
    let images = Mutex<[Image]>([])
    let durable = Mutex(run.durable)
    disk.before { call, path in
      let image = Image(disk: disk.afterKill(), durable: durable.withLock { $0 }, call: "\(call) \(path)")
      images.withLock { $0.append(image) }
    }
    for step in steps {
      try run.take(step)
      durable.withLock { $0 = run.durable }
    }
    try run.checkpointAlone()
    disk.before(nil)
    run.close()
    // The checkpoint alone writes to the catalog and syncs it.
    #expect(images.withLock { $0.count } >= 2)
    for (index, image) in images.withLock({ $0 }).enumerated() {
      for share in keeping {
        var generator = SeededGenerator(seed: UInt64(index))
        let store = RunStore.simulated(image.disk.afterPowerCut(keeping: share, using: &generator))
        do {
          try ModelRun(recovering: store, from: run, durable: image.durable).close()
        } catch {
          Issue.record("\(steps), power cut before call \(index) (\(image.call)), keeping \(share): \(error)")
        }
      }
    }
  }

  /// A directory, a file whose content is in chunks, and one whose content is not.
  private func prepare(_ run: ModelRun) throws {
    try run.make("directory", FileType.directory)
    try run.make("chunked", FileType.regular)
    try run.write("chunked", count: 150_000, at: 0)
    try run.checkpointAlone()
    try run.make("staged", FileType.regular)
    try run.write("staged", count: 5000, at: 0)
    try run.synchronize()
  }
}

enum Step: CaseIterable, CustomTestStringConvertible {
  case create, makeDirectory, symlink, link, unlink, rename, renameOver, renameDirectory, exchange, write, append
  case overwriteChunked, largeWrite, truncate, truncateChunked, extend, punch, collapse, copy, setAttribute, chmod
  case snapshot, fsync, checkpoint

  var testDescription: String { "\(self)" }
}

extension ModelRun {
  private var root: NodeID {
    let volume = model.volumes.keys.sorted()[0]
    return NodeID(volume: volume, inode: model.volumes[volume]!.root)
  }

  private func find(_ name: String) -> NodeID? { try? model.lookup(root, Array(name.utf8)) }

  func make(_ name: String, _ type: UInt32) throws {
    let root = root
    let new = NewNode(mode: type | 0o755, target: type == FileType.symbolicLink ? [0x74] : [])
    try both("make \(name)") {
      try fileSystem.make(root, Array(name.utf8), new, Caller()).node
    } _: { model, id in
      try model.make(root, Array(name.utf8), new, Caller(), number: id?.inode ?? 0)
    }
  }

  func write(_ name: String, count: Int, at offset: UInt64) throws {
    guard let id = find(name) else { return }
    let bytes = Array(Self.pool[Int(offset % 1000)..<Int(offset % 1000) + count])
    try both("write \(count) bytes to \(name) at \(offset)") {
      try bytes.withUnsafeBytes { try fileSystem.write(id, offset: offset, bytes: $0, clearSetID: false, Caller()) }
    } _: { model, _ in
      try model.write(id, bytes, at: offset, clearSetID: false)
    }
  }

  private func change(_ name: String, _ change: AttributeChange) throws {
    guard let id = find(name) else { return }
    try both("set \(name)") {
      _ = try fileSystem.setAttributes(id, change, Caller())
    } _: { model, _ in
      try model.setAttributes(id, change)
    }
  }

  private func truncate(_ name: String, to size: UInt64) throws {
    var attributes = AttributeChange()
    attributes.size = size
    try change(name, attributes)
  }

  private func allocate(_ name: String, _ mode: AllocationMode, _ range: Range<UInt64>) throws {
    guard let id = find(name) else { return }
    try both("allocate \(mode) \(name)") {
      try fileSystem.allocate(id, mode, offset: range.lowerBound, length: UInt64(range.count), Caller())
    } _: { model, _ in
      try model.allocate(id, mode, range)
    }
  }

  private func rename(_ name: String, to newName: String, in directory: String? = nil, _ flags: RenameFlags = []) throws
  {
    let root = root
    guard let parent = directory.map({ find($0) }) ?? root else { return }
    try both("rename \(name) to \(newName)") {
      try fileSystem.rename(root, Array(name.utf8), to: parent, Array(newName.utf8), flags, Caller())
    } _: { model, _ in
      try model.rename(root, Array(name.utf8), to: parent, Array(newName.utf8), flags, whiteout: 0)
    }
  }

  func take(_ step: Step) throws {
    let root = root
    switch step {
    case .create: try make("new", FileType.regular)
    case .makeDirectory: try make("new", FileType.directory)
    case .symlink: try make("new", FileType.symbolicLink)
    case .link:
      guard let id = find("staged") else { return }
      try both("link") {
        _ = try fileSystem.link(id, to: root, Array("new".utf8), Caller())
      } _: { model, _ in
        try model.link(id, to: root, Array("new".utf8))
      }
    case .unlink:
      try both("unlink") {
        try fileSystem.unlink(root, Array("staged".utf8), Caller())
      } _: { model, _ in
        try model.unlink(root, Array("staged".utf8), directory: false)
      }
    case .rename: try rename("staged", to: "new")
    case .renameOver: try rename("staged", to: "chunked")
    case .renameDirectory: try rename("chunked", to: "new", in: "directory")
    case .exchange: try rename("staged", to: "chunked", .exchange)
    case .write: try write("staged", count: 3000, at: 1000)
    case .append: try write("staged", count: 3000, at: 5000)
    case .overwriteChunked: try write("chunked", count: 20_000, at: 70_000)
    case .largeWrite: try write("staged", count: 100_000, at: 0)
    case .truncate: try truncate("staged", to: 100)
    case .truncateChunked: try truncate("chunked", to: 80_000)
    case .extend: try truncate("staged", to: 1 << 25)
    case .punch: try allocate("chunked", .punchHole, 10_000..<100_000)
    case .collapse: try allocate("chunked", .collapseRange, 4096..<40_960)
    case .copy:
      guard let from = find("chunked"), let to = find("staged") else { return }
      try both("copy") {
        try fileSystem.copyRange(from, offset: 5000, to: to, offset: 2000, length: 90_000, Caller())
      } _: { model, _ in
        _ = try model.copy(from, offset: 5000, to: to, offset: 2000, length: 90_000)
      }
    case .setAttribute:
      guard let id = find("staged") else { return }
      try both("set attribute") {
        try Self.pool[..<100].withUnsafeBytes {
          try fileSystem.setExtendedAttribute(id, Array("user.a".utf8), $0, .any, clearSetGroupID: false, Caller())
        }
      } _: { model, _ in
        try model.setAttribute(id, Array("user.a".utf8), Array(Self.pool[..<100]), .any, clearSetGroupID: false)
      }
    case .chmod:
      var attributes = AttributeChange()
      attributes.mode = 0o600
      try change("staged", attributes)
    case .snapshot: try branch(root.volume, isSnapshot: true)
    case .fsync: try synchronize()
    case .checkpoint: try checkpointAlone()
    }
  }
}
