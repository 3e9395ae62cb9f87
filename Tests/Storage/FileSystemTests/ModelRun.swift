import Catalog
import Glibc
import Journal
import Linux
import TestSupport

@testable import FileSystem

/// The real file system and the model did not agree.
struct Disagreement: Error, CustomStringConvertible {
  let description: String
}

/// Runs random operations on a file system and on the model, and compares all that they answer.
final class ModelRun {
  private(set) var store: RunStore
  private(set) var fileSystem: FileSystem
  var model = Model()
  var generator: SeededGenerator
  private(set) var log: [String] = []
  /// What a kernel would hold.
  var references: [NodeID: UInt64] = [:]
  private let cachedInodes: Int
  /// The state after each operation, by its number in the journal.
  private(set) var history: [LogSequenceNumber: Model] = [:]
  /// What must survive a power cut.
  private(set) var durable: LogSequenceNumber = 0

  /// The disk fails or is full: EIO and ENOSPC are answers that say that nothing was done.
  private(set) var isFaulty = false

  func whileFaulty(_ body: () throws -> Void) throws {
    note("the disk's faults begin")
    isFaulty = true
    defer { isFaulty = false }
    try body()
    note("the disk's faults end")
  }

  static let volumeLimit = 5
  static let pool = SeededGenerator.pool(seed: 1, count: 1 << 20)

  init(seed: UInt64, cachedInodes: Int, store: RunStore) throws {
    generator = SeededGenerator(seed: seed)
    self.cachedInodes = cachedInodes
    self.store = store
    fileSystem = try Self.open(store, cachedInodes)
    try createVolume()
    try synchronize()
  }

  /// Opens what a power cut left of the store of another run, in the course of which it came: the
  /// state must be one that the run had, with everything that was durable then.
  init(recovering store: RunStore, from run: ModelRun, durable: LogSequenceNumber) throws {
    generator = SeededGenerator(seed: 1)
    cachedInodes = run.cachedInodes
    references = run.references
    self.store = store
    fileSystem = try Self.open(store, cachedInodes, isTakeover: true)
    let found = fileSystem.journal.lastSequence
    guard found >= durable, let state = run.history[found] else {
      throw Disagreement(description: "operations up to \(found) are there, and \(durable) were durable")
    }
    model = state
    try compareAll()
    let report = try fileSystem.check(repair: false)
    if !report.isClean { throw Disagreement(description: "the check finds \(report.findings)") }
  }

  func close() {
    fileSystem.close()
    store.discard()
  }

  static func open(_ store: RunStore, _ cachedInodes: Int, isTakeover: Bool = false) throws -> FileSystem {
    var options = FileSystem.Options()
    options.cachedInodes = cachedInodes
    options.cacheBytes = 1 << 20
    // Checkpoints come when the test says so.
    options.checkpointSeconds = 1e9
    options.segmentBytes = 256 << 10
    options.packBytes = 1 << 20
    options.isTakeover = isTakeover
    return try store.open(options)
  }

  /// A failure with what led to it.
  func explain(_ error: any Error, seed: UInt64) -> String {
    "seed \(seed): \(error)\nafter \(log.count) lines, the last of them:\n" + log.suffix(60).joined(separator: "\n")
  }

  func note(_ line: String) { log.append(line) }

  /// Notes that the model is what the file system is after all its operations.
  func remember() { history[fileSystem.journal.lastSequence] = model }

  var lastSequence: LogSequenceNumber { fileSystem.journal.lastSequence }

  /// Notes what the file system is after an operation, which need not be the last.
  func remember(_ state: Model, after sequence: LogSequenceNumber) {
    history[sequence] = state
    if lastSequence == sequence { model = state }
  }

  // MARK: Durability

  func synchronize() throws {
    note("fsync")
    let last = fileSystem.journal.lastSequence
    try fileSystem.synchronize(.root)
    durable = last
    remember()
  }

  /// A checkpoint during which nothing else happens.
  func checkpointAlone() throws {
    note("checkpoint")
    let last = fileSystem.journal.lastSequence
    try fileSystem.checkpoint()
    durable = last
  }

  func checkpoint() throws {
    note("checkpoint")
    let last = fileSystem.journal.lastSequence
    try whileCatalogIsWritten { try fileSystem.checkpoint() }
    durable = last
    if random(2) == 0 { try fileSystem.removeDeadLayers() }
  }

  /// Lets some operations come while a checkpoint that `body` takes writes to the catalog: after it
  /// has frozen the state, and before memory refers to chunks.
  private func whileCatalogIsWritten(_ body: () throws -> Void) throws {
    guard case .simulated(let disk, _) = store, !isFaulty, random(2) == 0 else { return try body() }
    // It is called on the thread that writes to the catalog, which is this one, or that of the file system where an
    // earlier checkpoint failed and it tries again by itself.
    let thread = pthread_self()
    nonisolated(unsafe) let run = self
    nonisolated(unsafe) var failure: (any Error)?
    nonisolated(unsafe) var isInStep = false
    disk.before { call, path in
      guard pthread_equal(thread, pthread_self()) != 0 else { return }
      guard call == .write, path == "catalog.db-wal", failure == nil, !isInStep, run.random(3) == 0 else { return }
      isInStep = true
      defer { isInStep = false }
      do { try run.stepWithinCheckpoint() } catch { failure = error }
    }
    defer { disk.before(nil) }
    do {
      try body()
    } catch {
      throw failure ?? error
    }
    if let failure { throw failure }
  }

  // MARK: Reopening

  /// Ends the process in an orderly way and starts the next.
  func reopen() throws {
    note("close and open")
    fileSystem.close()
    try start(isTakeover: false)
  }

  /// Goes on with a copy of the store as a killed process would have left it.
  func kill(isTakeover: Bool) throws {
    note("kill and open, take-over \(isTakeover)")
    let next = try store.afterKill()
    close()
    store = next
    try start(isTakeover: isTakeover)
  }

  private func start(isTakeover: Bool) throws {
    fileSystem = try Self.open(store, cachedInodes, isTakeover: isTakeover)
    if !isTakeover {
      references = [:]
      model.releaseOrphans()
    }
    // What recovery brought back is durable.
    durable = fileSystem.journal.lastSequence
    remember()
    try compareAll()
    if !isTakeover { takeReferences() }
  }

  /// Goes on after a power cut, with what the disk then has: the state after some operation that is
  /// not before the last that was durable.
  func powerCut(keeping: Double) throws {
    guard case .simulated(let disk, _) = store else { return }
    let last = history.keys.max() ?? 0
    close()
    let next = disk.afterPowerCut(keeping: keeping, using: &generator)
    store = .simulated(next)
    // The power may go again while the store is brought back.
    for _ in 0..<3 where random(4) == 0 {
      guard case .simulated(let disk, _) = store else { return }
      disk.crash(at: 1 + random(60))
      do { try Self.open(store, cachedInodes, isTakeover: true).close() } catch {
        if !disk.isDead { throw error }
      }
      store.discard()
      note("power cut during recovery at call \(disk.calls)")
      store = .simulated(disk.afterPowerCut(keeping: keeping, using: &generator))
    }
    fileSystem = try Self.open(store, cachedInodes, isTakeover: true)
    let found = fileSystem.journal.lastSequence
    note("power cut: operations up to \(found) are there, up to \(durable) were durable, \(last) was the last")
    guard found >= durable else {
      throw Disagreement(description: "operations up to \(durable) were durable, and those after \(found) are lost")
    }
    try findState(found, last: last)
    durable = found
    history = [:]
    remember()
    let report = try fileSystem.check(repair: false)
    if !report.isClean { throw Disagreement(description: "the check finds \(report.findings)") }
  }

  /// Takes the model back to the state that the store has.
  private func findState(_ found: LogSequenceNumber, last: LogSequenceNumber) throws {
    // Making and removing volumes takes several operations, and one was under way when the power
    // went: the state is the one before or the one after.
    let before = history.keys.filter { $0 <= found }.max()
    let after = history.keys.filter { $0 > found }.min()
    var reasons: [String] = []
    for number in [before, after] {
      guard let number, let state = history[number] else { continue }
      model = state
      references = references.filter { model.volumes[$0.key.volume]?.inodes[$0.key.inode] != nil }
      do { return try compareAll() } catch { reasons.append("compared with that of \(number): \(error)") }
    }
    // The operation under way was not answered, so the model does not know what it did.
    if found > last { throw UnknownState() }
    throw Disagreement(
      description: "the state after operation \(found) is none that ever was\n" + reasons.joined(separator: "\n"))
  }

  /// The store contains an operation that was never answered.
  struct UnknownState: Error {}

  /// A fresh mount: the kernel knows only what it has looked up since.
  private func takeReferences() {
    for (volume, state) in model.volumes {
      for (number, inode) in state.inodes where inode.linkCount > 0 {
        references[NodeID(volume: volume, inode: number)] = references[NodeID(volume: volume, inode: number)] ?? 0
      }
    }
  }

  // MARK: Comparing

  /// Runs the real thing, then the model, and compares what they answer.
  func both<Answer>(
    _ what: String, _ real: () throws -> Answer, _ expected: (inout Model, Answer?) throws -> Void
  ) throws {
    note(what)
    model.touched = [:]
    let before = nanosecondsNow()
    var answer: Answer?
    var error: Int32 = 0
    do { answer = try real() } catch let failure as POSIXError { error = failure.code }
    if isFaulty && [EIO, ENOSPC].contains(error) {
      note("  → \(name(error)), which is the disk's fault")
      return
    }
    var expectedError: Int32 = 0
    do { try expected(&model, answer) } catch let failure as POSIXError { expectedError = failure.code }
    guard error == expectedError else {
      throw Disagreement(description: "\(what): \(name(error)) instead of \(name(expectedError))")
    }
    if error == 0 { note("  → \(answer.map { "\($0)" } ?? "")") } else { note("  → \(name(error))") }
    try takeTimes(before...nanosecondsNow())
    remember()
  }

  private func name(_ code: Int32) -> String { code == 0 ? "success" : String(cString: strerror(code)) }

  /// Checks that the times that the operation should have set are of now, and keeps them.
  private func takeTimes(_ now: ClosedRange<Int64>) throws {
    for (id, fields) in model.touched {
      guard model.volumes[id.volume]?.inodes[id.inode] != nil else { continue }
      let real = try attributes(id)
      for field in fields {
        let time: Int64
        switch field {
        case .accessed:
          time = real.accessed
          model.volumes[id.volume]!.inodes[id.inode]!.times.accessed = time
        case .modified:
          time = real.modified
          model.volumes[id.volume]!.inodes[id.inode]!.times.modified = time
        case .changed:
          time = real.changed
          model.volumes[id.volume]!.inodes[id.inode]!.times.changed = time
        case .born:
          time = real.born
          model.volumes[id.volume]!.inodes[id.inode]!.times.born = time
        }
        if !now.contains(time) { throw Disagreement(description: "time \(field) of \(id) is \(time), not in \(now)") }
      }
      try compare(id, real)
    }
  }

  func attributes(_ id: NodeID) throws -> Attributes {
    do {
      return try fileSystem.attributes(id)
    } catch {
      throw Disagreement(description: "attributes of \(id): \(name(error.code))")
    }
  }

  func compare(_ id: NodeID, _ real: Attributes) throws {
    let inode = try model.node(id)
    var expected = Attributes(
      node: id, mode: inode.mode, linkCount: inode.linkCount, uid: inode.uid, gid: inode.gid, device: inode.device,
      size: inode.size, allocated: inode.content.allocated, accessed: inode.times.accessed,
      modified: inode.times.modified, changed: inode.times.changed, born: inode.times.born)
    if inode.isDirectory { expected.size = real.size }
    if real != expected { throw Disagreement(description: "\(id) is\n\(real)\nand should be\n\(expected)") }
  }

  func compareContent(_ id: NodeID, _ range: Range<UInt64>) throws {
    let content = try model.node(id).content
    var start = range.lowerBound
    while start < range.upperBound {
      let wanted = Int(min(range.upperBound - start, 1 << 20))
      var buffer = [UInt8](repeating: 0xAA, count: wanted)
      let count = try buffer.withUnsafeMutableBytes { try fileSystem.read(id, offset: start, into: $0) }
      let end = start < content.size ? min(content.size, start + UInt64(wanted)) : start
      guard count == Int(end - start) else {
        throw Disagreement(description: "read \(id) at \(start): \(count) bytes instead of \(end - start)")
      }
      let expected = content.bytes(start..<end)
      let isEqual = expected.withUnsafeBytes { a in
        buffer.withUnsafeBytes { memcmp(a.baseAddress!, $0.baseAddress!, count) == 0 }
      }
      if !isEqual {
        let first = expected.indices.first { expected[$0] != buffer[$0] }!
        let last = expected.indices.last { expected[$0] != buffer[$0] }!
        throw Disagreement(
          description:
            "content of \(id) differs in [\(start + UInt64(first)), \(start + UInt64(last))], size \(content.size)")
      }
      start += UInt64(wanted)
    }
  }

  private func compareWholeContent(_ id: NodeID) throws {
    let content = try model.node(id).content
    if content.size <= 4 << 20 { return try compareContent(id, 0..<max(1, content.size)) }
    for range in content.populated {
      try compareContent(id, range.lowerBound - min(range.lowerBound, 64)..<range.upperBound + 64)
    }
    try compareContent(id, content.size - 100..<content.size + 100)
  }

  private func compareAttributes(_ id: NodeID) throws {
    let expected = try model.node(id).attributes
    let names = try fileSystem.extendedAttributeNames(id)
    guard names == expected.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) else {
      throw Disagreement(description: "extended attributes of \(id) are \(names), should be \(expected.keys)")
    }
    for name in names where try fileSystem.extendedAttribute(id, name) != expected[name] {
      throw Disagreement(description: "extended attribute \(name) of \(id) differs")
    }
  }

  private func compareEntries(_ id: NodeID) throws {
    let inode = try model.node(id)
    var found: [[UInt8]: InodeNumber] = [:]
    var cookie: UInt64 = 0
    // A few at a time, as readdir does.
    while true {
      var count = 0
      try fileSystem.list(id, after: cookie) { entry in
        found[entry.name] = entry.node.inode
        cookie = entry.cookie
        count += 1
        return count < 5
      }
      if count < 5 { break }
    }
    guard found == inode.entries else {
      throw Disagreement(description: "directory \(id) has \(found), should have \(inode.entries)")
    }
  }

  /// Everything: all volumes, all trees, all inodes without names that have references.
  func compareAll() throws {
    let volumes = fileSystem.volumes()
    guard Set(volumes.map(\.id)) == Set(model.volumes.keys) else {
      throw Disagreement(description: "volumes are \(volumes.map(\.id)), should be \(model.volumes.keys)")
    }
    for row in volumes { try compareVolume(row) }
  }

  private func compareVolume(_ row: VolumeInformation) throws {
    let expected = model.volumes[row.id]!
    guard row.usedBytes == expected.usedBytes, row.usedInodes == expected.inodes.count,
      row.sealed == expected.isSealed, row.quotaBytes == expected.quotaBytes, row.quotaInodes == expected.quotaInodes
    else {
      throw Disagreement(
        description: "volume is \(row), should have \(expected.usedBytes) bytes in \(expected.inodes.count) inodes, "
          + "sealed \(expected.isSealed)")
    }
    for (number, inode) in expected.inodes {
      let id = NodeID(volume: row.id, inode: number)
      // One that is in a sealed volume without a name can't be reached.
      if inode.linkCount == 0 && references[id] == nil { continue }
      try compare(id, try attributes(id))
      try compareAttributes(id)
      if inode.isDirectory { try compareEntries(id) }
      if inode.isRegular { try compareWholeContent(id) }
      if inode.type == FileType.symbolicLink, try fileSystem.readLink(id) != inode.target {
        throw Disagreement(description: "target of \(id) differs")
      }
    }
  }

  // MARK: Content

  /// Of all lengths, with runs that other contents have too.
  func randomContent() -> [UInt8] {
    let length =
      switch random(20) {
      case 0: 1 + random(2 << 20)
      case 1...3: 1 + random(300_000)
      case 4...8: 1 + random(70_000)
      case 9: 32768 + random(3) - 1
      case 10: 4096 * (1 + random(20))
      default: 1 + random(5000)
      }
    if random(8) == 0 { return [UInt8](repeating: 0, count: length) }
    if random(8) == 0 { return [UInt8](repeating: UInt8(random(256)), count: length) }
    var result: [UInt8] = []
    result.reserveCapacity(length)
    while result.count < length {
      let start = random(Self.pool.count / 4096) * 4096 + (random(3) == 0 ? random(4096) : 0)
      result += Self.pool[start..<min(Self.pool.count, start + length - result.count)]
    }
    return result
  }
}

/// A name for the log.
func shown(_ name: [UInt8]) -> String { "“\(String(decoding: name.prefix(12), as: UTF8.self))”" }

extension SeededGenerator {
  static func pool(seed: UInt64, count: Int) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return generator.bytes(count)
  }
}
