import Catalog
import Glibc
import Linux
import Synchronization
import TestSupport
import Testing

@testable import FileSystem

/// Histories of each kind. A soak sets CAIRN_FAULTS.
private let histories = getenv("CAIRN_FAULTS").flatMap { Int(String(cString: $0)) } ?? 12

/// A disk that is full, or fails: errors are answered, nothing that was acknowledged is lost, and the
/// store goes on when the disk does.
@Suite struct FaultTests {
  @Test(arguments: testSeeds(histories))
  func `a disk that is full now and then costs nothing but errors`(seed: UInt64) throws {
    let disk = SimulatedDisk()
    try run(seed, disk) { run in
      for _ in 0..<4 {
        for _ in 0..<30 { try run.stepBeforePowerCut() }
        disk.setCapacity(disk.usedBytes + UInt64(run.random(200_000)))
        try run.whileFaulty { for _ in 0..<40 { try run.faultyStep() } }
        disk.setCapacity(1 << 50)
        try run.compareAll()
        try run.checkpoint()
        try run.compareAll()
      }
    }
  }

  @Test(arguments: testSeeds(histories))
  func `a disk that fails now and then costs nothing but errors`(seed: UInt64) throws {
    let disk = SimulatedDisk()
    try run(seed, disk) { run in
      for _ in 0..<4 {
        for _ in 0..<30 { try run.stepBeforePowerCut() }
        guard case .simulated(let disk, _) = run.store else { return }
        let generator = Mutex(SeededGenerator(seed: run.generator.next()))
        disk.fail { call, _, _ in
          guard call != .read else { return nil }
          return generator.withLock { $0.next() % 8 == 0 ? EIO : nil }
        }
        try run.whileFaulty { for _ in 0..<40 { try run.faultyStep() } }
        disk.fail(nil)
        try run.compareAll()
        // A sync that failed can't be mended by this process.
        try run.kill(isTakeover: true)
      }
    }
  }

  @Test(arguments: testSeeds(histories))
  func `a disk that can't be read now and then costs nothing but errors`(seed: UInt64) throws {
    let disk = SimulatedDisk()
    try run(seed, disk) { run in
      for _ in 0..<4 {
        for _ in 0..<30 { try run.stepBeforePowerCut() }
        try run.checkpoint()
        try run.reopen()
        guard case .simulated(let disk, _) = run.store else { return }
        let generator = Mutex(SeededGenerator(seed: run.generator.next()))
        disk.fail { call, _, _ in
          guard call == .read else { return nil }
          return generator.withLock { $0.next() % 8 == 0 ? EIO : nil }
        }
        try run.whileFaulty { for _ in 0..<40 { try run.faultyStep() } }
        disk.fail(nil)
        try run.compareAll()
      }
      // What could not be read is in quarantine, until it is found to be readable after all.
      _ = try run.fileSystem.check(repair: true)
    }
  }

  private func run(_ seed: UInt64, _ disk: SimulatedDisk, _ body: (ModelRun) throws -> Void) throws {
    let run = try ModelRun(seed: seed, cachedInodes: 10, store: .simulated(disk))
    do {
      try body(run)
      try run.compareAll()
      let report = try run.fileSystem.check(repair: false)
      if !report.isClean { throw Disagreement(description: "the check finds \(report.findings)") }
      run.close()
    } catch {
      Issue.record("\(run.explain(error, seed: seed))")
    }
  }

  @Test func `copies need no space, and as much can be allocated as is shown to be free`() throws {
    let disk = SimulatedDisk()
    disk.setCapacity(SpaceGuard.reserve + 64 << 20)
    let fileSystem = try ModelRun.open(.simulated(disk), 1000)
    let volume = try fileSystem.createVolume(VolumeRequest(kind: .workspace))
    let root = NodeID(volume: volume.id, inode: volume.root)
    func make(_ name: String) throws -> NodeID {
      try fileSystem.make(root, Array(name.utf8), NewNode(mode: FileType.regular | 0o644), Caller()).node
    }
    let original = try make("original")
    let length: UInt64 = 4 << 20
    for offset in stride(from: 0, to: length, by: 1 << 20) {
      _ = try ModelRun.pool.withUnsafeBytes {
        try fileSystem.write(original, offset: offset, bytes: $0, clearSetID: false, Caller())
      }
    }
    let copy = try make("copy")
    for number in 0..<100 as Range<UInt64> {
      let result = try fileSystem.copyRange(
        original, offset: 0, to: copy, offset: number * length, length: length, Caller())
      #expect(result.count == length)
    }
    try fileSystem.checkpoint()
    let free = try fileSystem.space(root).freeBytes
    #expect(free > 32 << 20)
    let space = try make("space")
    #expect(throws: POSIXError(ENOSPC)) {
      try fileSystem.allocate(space, .allocate(keepSize: false), offset: 0, length: free + 1 << 20, Caller())
    }
    try fileSystem.allocate(space, .allocate(keepSize: false), offset: 0, length: free - 1 << 20, Caller())
    fileSystem.close()
  }

  @Test func `a full store keeps what it took, and takes more when files are removed`() throws {
    let disk = SimulatedDisk()
    disk.setCapacity(SpaceGuard.reserve + 24 << 20)
    let store = RunStore.simulated(disk)
    let fileSystem = try ModelRun.open(store, 1000)
    let volume = try fileSystem.createVolume(VolumeRequest(kind: .workspace))
    let root = NodeID(volume: volume.id, inode: volume.root)
    var generator = SeededGenerator(seed: 1)
    func write(_ number: UInt8) throws -> [UInt8] {
      // Content that nothing else has.
      var bytes = ModelRun.pool
      for index in stride(from: 0, to: bytes.count, by: 4096) {
        bytes[index] = UInt8.random(in: 0...255, using: &generator)
      }
      let node = try fileSystem.make(root, [number], NewNode(mode: FileType.regular | 0o644), Caller()).node
      _ = try bytes.withUnsafeBytes { try fileSystem.write(node, offset: 0, bytes: $0, clearSetID: false, Caller()) }
      return bytes
    }
    for round in 0..<2 {
      var written: [[UInt8]] = []
      do {
        while written.count < 100 {
          written.append(try write(UInt8(100 + written.count)))
          if written.count % 4 == 0 { try fileSystem.checkpoint() }
        }
      } catch let error as POSIXError {
        #expect(error.code == ENOSPC)
      }
      // What is free is asked anew after 16 MiB only.
      #expect((5...24 + 16).contains(written.count), "round \(round)")
      for (index, bytes) in written.enumerated() {
        let node = try fileSystem.lookup(root, [UInt8(100 + index)]).node
        var found = [UInt8](repeating: 0, count: bytes.count)
        _ = try found.withUnsafeMutableBytes { try fileSystem.read(node, offset: 0, into: $0) }
        #expect(found == bytes)
      }
      for number in 100..<UInt8(100 + written.count + 1) {
        guard let node = try? fileSystem.lookup(root, [number]).node else { continue }
        try fileSystem.unlink(root, [number], Caller())
        fileSystem.forget(node, count: 100)
      }
      try fileSystem.checkpoint()
      _ = try fileSystem.collectGarbage()
    }
    #expect(try fileSystem.check(repair: false).isClean)
    fileSystem.close()
  }

  @Test func `a checkpoint that could not be written is tried again without another change`() throws {
    let disk = SimulatedDisk()
    let store = RunStore.simulated(disk)
    defer { store.discard() }
    let fileSystem = try ModelRun.open(store, 100)
    let volume = try fileSystem.createVolume(VolumeRequest(kind: .persistent, path: "storage"))
    let root = NodeID(volume: volume.id, inode: volume.root)
    let node = try fileSystem.make(root, [1], NewNode(mode: FileType.regular | 0o644), Caller()).node
    _ = try ModelRun.pool.withUnsafeBytes {
      try fileSystem.write(node, offset: 0, bytes: $0, clearSetID: false, Caller())
    }
    disk.setCapacity(disk.usedBytes)
    #expect(throws: (any Error).self) { try fileSystem.checkpoint() }
    #expect(fileSystem.checkpoints.withLock { $0.unsettled != nil })
    disk.setCapacity(1 << 50)
    let isSettled = fileSystem.checkpoints.wait(seconds: 10) { $0.unsettled == nil ? true : nil }
    #expect(isSettled == true)
    fileSystem.close()
  }

  @Test func `a store can be made whatever call the power goes at`() throws {
    var call = 1
    while true {
      let disk = SimulatedDisk()
      disk.crash(at: call)
      let store = RunStore.simulated(disk)
      do { try ModelRun.open(store, 100).close() } catch {
        #expect(disk.isDead, "\(error)")
      }
      store.discard()
      for keeping in [0, 0.5, 1] {
        var generator = SeededGenerator(seed: UInt64(call))
        let next = RunStore.simulated(disk.afterPowerCut(keeping: keeping, using: &generator))
        let fileSystem = try ModelRun.open(next, 100)
        _ = try fileSystem.createVolume(VolumeRequest(kind: .persistent, path: "storage"))
        #expect(try fileSystem.check(repair: false).isClean)
        fileSystem.close()
        next.discard()
      }
      if !disk.isDead { break }
      call += 1
    }
    #expect(call > 40)
  }
}
