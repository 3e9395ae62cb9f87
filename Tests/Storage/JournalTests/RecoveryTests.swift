import Glibc
import Linux
import TestSupport
import Testing

@testable import Journal

@Suite struct RecoveryTests {
  private func segment(_ disk: SimulatedDisk, _ index: Int = 0) throws -> any DiskFile {
    try disk.open("journal/" + disk.list("journal").sorted()[index], create: false)
  }

  private func flip(_ file: any DiskFile, at offset: UInt64) throws {
    var byte: [UInt8] = [0]
    _ = try byte.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
    byte[0] ^= 0x10
    try byte.withUnsafeBytes { try file.write($0, at: offset) }
  }

  private func powerCut(_ disk: SimulatedDisk, keeping: Double = 0) -> SimulatedDisk {
    var generator = SeededGenerator(seed: 1)
    return disk.afterPowerCut(keeping: keeping, using: &generator)
  }

  @Test func `a killed process loses nothing`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    for sample in sampleOperations where sample.name != "writeStaged" {
      _ = try journal.append(sample.operation, request: 0)
    }
    let found = try recover(disk.afterKill()).operations.map(\.1)
    #expect(found == sampleOperations.filter { $0.name != "writeStaged" }.map(\.operation))
  }

  @Test func `what was synced survives a power cut and the rest is gone`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    try journal.appendRemovals(1...5)
    try journal.sync()
    try journal.appendRemovals(6...9)
    #expect(try recover(powerCut(disk)).operations.count == 5)
    #expect(try recover(disk.afterKill()).operations.count == 9)
  }

  @Test func `what a killed process left survives a power cut once the next process has synced`() throws {
    let disk = SimulatedDisk()
    try recover(disk).journal.appendRemovals(1...5)
    let restarted = disk.afterKill()
    let (journal, found) = try recover(restarted)
    #expect(found.count == 5)
    try journal.appendRemovals(6...6)
    try journal.sync()
    let (_, operations) = try recover(powerCut(restarted))
    #expect(operations.map(\.1) == (1...6).map(removal))
  }

  @Test func `staged bytes of a killed process survive a power cut once the next process has synced`() throws {
    let disk = SimulatedDisk()
    try recover(disk).journal.appendStaged([UInt8](repeating: 7, count: 100_000))
    let restarted = disk.afterKill()
    let (journal, _) = try recover(restarted)
    try journal.appendRemovals(2...2)
    try journal.sync()
    #expect(try recover(powerCut(restarted)).operations.count == 2)
  }

  @Test func `bytes that are staged while another thread syncs are durable after the next sync`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    try journal.appendRemovals(1...1)
    // A sync comes between the place being given out and the bytes being written.
    let once = Monitor(false)
    disk.fail { call, path, _ in
      guard call == .write, path.hasPrefix("staging/") else { return nil }
      let isFirst = once.withLock { done in
        defer { done = true }
        return !done
      }
      if isFirst {
        let thread = WorkerThread(name: "sync") {
          do { try journal.sync() } catch { Issue.record("\(error)") }
        }
        _ = thread
        usleep(50_000)
      }
      return nil
    }
    try journal.appendStaged([UInt8](repeating: 7, count: 100_000))
    disk.fail(nil)
    usleep(50_000)
    try journal.sync()
    #expect(try recover(powerCut(disk)).operations.count == 2)
  }

  @Test func `after a sync that failed none succeeds`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    try journal.appendRemovals(1...3)
    disk.fail { call, _, _ in call == .sync ? EIO : nil }
    #expect(throws: JournalError.self) { try journal.sync() }
    disk.fail(nil)
    // The kernel has forgotten what it could not write: success would be a lie.
    #expect(throws: JournalError.self) { try journal.sync() }
    try journal.appendRemovals(4...4)
    #expect(throws: JournalError.self) { try journal.sync() }
  }

  @Test func `a torn tail ends the journal and what is written after it is found`() throws {
    for cut in stride(from: UInt64(1), to: 60, by: 7) {
      let disk = SimulatedDisk()
      try recover(disk).journal.appendRemovals(1...5)
      let file = try segment(disk)
      let end = UInt64(Journal.headerLength) + 5 * 64
      try file.truncate(to: end - cut)
      let (journal, found) = try recover(disk)
      #expect(found.count == 4)
      try journal.appendRemovals(50...52)
      try journal.sync()
      #expect(try recover(powerCut(disk)).operations.map(\.1) == (Array(1...4) + Array(50...52)).map(removal))
    }
  }

  /// A segment that was used before has records of its earlier life behind its end. Read from their middle, those of
  /// small writes looked like records of megabytes, and a server took minutes to compute checksums of them.
  @Test(.timeLimit(.minutes(1)), arguments: [UInt64(1) << 50, 1000])
  func `what looks like records behind the end is told apart without reading it all`(number: UInt64) throws {
    let disk = SimulatedDisk()
    try recover(disk).journal.appendRemovals(1...5)
    var words: [UInt64] = []
    while words.count < 3 << 18 { words += [2 << 20, number.littleEndian, (number / 2).littleEndian] }
    try words.withUnsafeBytes { try segment(disk).write($0, at: UInt64(Journal.headerLength) + 5 * 64) }
    #expect(try recover(disk).operations.count == 5)
  }

  @Test func `damage before what was synced is an error`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    try journal.appendRemovals(1...3)
    try journal.sync()
    try journal.appendRemovals(4...4)
    let record = try recover(disk.afterKill()).operations.count
    #expect(record == 4)
    for offset in [UInt64(Journal.headerLength) + 8, UInt64(Journal.headerLength) + 64 + 50] {
      let copy = disk.afterKill()
      try flip(segment(copy), at: offset)
      #expect { try recover(copy) } throws: { ($0 as? JournalError)?.code == .damaged }
    }
  }

  @Test func `damage in what the catalog has does not cost what follows unnoticed`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    try journal.appendRemovals(1...6)
    try journal.sync()
    try journal.appendRemovals(7...7)
    try flip(segment(disk), at: UInt64(Journal.headerLength) + 50)
    #expect { try recover(disk, applied: 3) } throws: { ($0 as? JournalError)?.code == .damaged }
  }

  @Test func `a damaged header of a segment with synced operations is an error`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    try journal.appendRemovals(1...6)
    try journal.sync()
    try journal.appendRemovals(7...7)
    try flip(segment(disk), at: 20)
    #expect { try recover(disk) } throws: { ($0 as? JournalError)?.code == .damaged }
    #expect(try disk.list("journal").count == 1)
  }

  @Test func `a segment of a newer version or another store is refused`() throws {
    let disk = SimulatedDisk()
    try recover(disk).journal.appendRemovals(1...2)
    #expect { try recover(disk.afterKill(), storeID: [UInt8](repeating: 9, count: 16)) } throws: {
      ($0 as? JournalError)?.code == .damaged
    }
    let file = try segment(disk)
    var header = [UInt8](repeating: 0, count: Journal.headerLength)
    _ = try header.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    header[8] = 2
    let checksum = header.withUnsafeBytes { crc32c(UnsafeRawBufferPointer(rebasing: $0[..<60])) }
    withUnsafeBytes(of: checksum.littleEndian) { header.replaceSubrange(60..<64, with: $0) }
    try header.withUnsafeBytes { try file.write($0, at: 0) }
    #expect { try recover(disk) } throws: { ($0 as? JournalError)?.code == .newerVersion }
  }

  @Test func `a lost segment in the middle is an error`() throws {
    let disk = SimulatedDisk()
    for round in 0..<3 {
      // Each process has a segment of its own.
      let (journal, _) = try recover(disk)
      try journal.appendRemovals(round * 3 + 1...round * 3 + 3)
      try journal.sync()
    }
    let names = try disk.list("journal").sorted()
    #expect(names.count == 3)
    for index in 0..<2 {
      let copy = disk.afterKill()
      try copy.remove("journal/" + names[index])
      #expect { try recover(copy) } throws: { ($0 as? JournalError)?.code == .damaged }
    }
  }

  @Test func `operations that only the catalog has do not make what was lost after them an error`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    try journal.appendRemovals(1...3)
    try journal.sync()
    try journal.appendRemovals(4...5)
    // The catalog has 5 operations, the journal 3: a checkpoint does not sync the journal.
    let after = powerCut(disk)
    let (next, _) = try recover(after, applied: 5)
    try next.appendRemovals(6...6)
    _ = try next.appendWrite([UInt8](repeating: 1, count: 60_000))
    _ = try next.appendWrite([UInt8](repeating: 1, count: 60_000))
    // Of two segments that were not synced the first is lost.
    let names = try after.list("journal").sorted()
    #expect(names.count == 3)
    try after.remove("journal/" + names[1])
    #expect(try recover(after, applied: 5).operations.map(\.0) == [1, 2, 3])
    #expect(try recover(after, applied: 5).journal.lastSequence == 5)
  }

  @Test func `segments of which none was synced may be lost in any order`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    for _ in 0..<3 {
      try journal.appendRemovals(1...3)
      _ = try journal.appendWrite([UInt8](repeating: 1, count: 60_000))
    }
    let names = try disk.list("journal").sorted()
    #expect(names.count == 3)
    // The catalog has the operations of the first segment. Of all that was written only the last one reached the disk.
    for name in names.prefix(2) {
      let file = try disk.open("journal/" + name, create: false)
      try [UInt8](repeating: 0, count: 64).withUnsafeBytes { try file.write($0, at: 0) }
    }
    let (next, operations) = try recover(disk.afterKill(), applied: 4)
    #expect(operations.isEmpty)
    #expect(next.lastSequence == 4)
  }

  @Test func `a spare segment that does not fit leaves the space to others`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    try journal.appendRemovals(1...1)
    disk.setCapacity(disk.usedBytes + 20_000)
    #expect(throws: SystemError.self) { try journal.segments.prepareSpare() }
    #expect(!disk.exists("journal/spare"))
    // Nor does a segment have to be had whole.
    disk.setCapacity(disk.usedBytes + 50_000)
    _ = try journal.appendWrite([UInt8](repeating: 1, count: 40_000))
    _ = try journal.appendWrite([UInt8](repeating: 1, count: 40_000))
    #expect(try recover(disk.afterKill()).operations.count == 3)
  }

  @Test func `content that looks like a record is not taken for one`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    try journal.appendRemovals(1...1)
    // A user writes the bytes of records, with numbers far ahead that claim much to be durable.
    let forger = SimulatedDisk()
    let (forged, _) = try recover(forger, storeID: [UInt8](repeating: 1, count: 16))
    try forged.appendRemovals(1...100)
    try forged.sync()
    try forged.appendRemovals(101...200)
    let file = try segment(forger)
    var records = [UInt8](repeating: 0, count: 100 * 64)
    _ = try records.withUnsafeMutableBytes { try file.read(into: $0, at: UInt64(Journal.headerLength) + 100 * 64) }
    let location = try journal.appendWrite([UInt8](repeating: 0, count: Int(8 - location(journal) % 8)) + records)
    // The power cut tears the record's beginning, not the content.
    let torn = disk.afterKill()
    try flip(segment(torn), at: location.offset - 20)
    #expect(try recover(torn).operations.count == 2)
  }

  /// Where the content of an inline write is within eight bytes, so that forged records can be aligned.
  private func location(_ journal: Journal) throws -> UInt64 { try journal.appendWrite([1]).offset }

  /// What an operation is whatever place its bytes have: the operation without it, and the bytes.
  private struct Comparable: Equatable {
    var operation: Operation
    var bytes: [UInt8] = []
  }

  private func comparable(_ operation: Operation, _ journal: Journal) throws -> Comparable {
    guard case .write(let write) = operation else { return Comparable(operation: operation) }
    var bytes = [UInt8](repeating: 0, count: Int(write.length))
    let file = try #require(journal.segments.file(write.location.segment))
    _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: write.location.offset) }
    return Comparable(operation: inlineWrite(bytes), bytes: bytes)
  }

  @Test(arguments: testSeeds(200))
  func `after a power cut the journal is a prefix with all that was synced`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var disk = SimulatedDisk()
    var durable = 0
    var written: [Comparable] = []
    for _ in 0..<4 {
      let (journal, operations) = try recover(disk)
      let found = try operations.map { try comparable($0.1, journal) }
      #expect(found == Array(written.prefix(found.count)), "seed \(seed)")
      #expect(found.count >= durable, "seed \(seed)")
      written = found
      durable = found.count
      disk.crash(at: disk.calls + Int.random(in: 1...60, using: &generator))
      do {
        for _ in 0..<40 {
          switch Int.random(in: 0..<6, using: &generator) {
          case 0:
            try journal.sync()
            durable = written.count
          case 1:
            let bytes = generator.bytes(Int.random(in: 1...5000, using: &generator))
            written.append(Comparable(operation: inlineWrite(bytes), bytes: bytes))
            _ = try journal.appendWrite(bytes)
          case 2:
            let bytes = generator.bytes(Int.random(in: 1...20_000, using: &generator))
            written.append(Comparable(operation: inlineWrite(bytes), bytes: bytes))
            try journal.appendStaged(bytes)
          default:
            let number = Int.random(in: 0..<1000, using: &generator)
            written.append(Comparable(operation: removal(number)))
            try journal.appendRemovals(number...number)
          }
        }
      } catch {
        // The power is gone.
        #expect(disk.isDead, "\(error)")
      }
      let keeping = [0, 0.5, 0.9, 1].randomElement(using: &generator)!
      let isKill = generator.next() % 4 == 0
      disk = isKill ? disk.afterKill() : disk.afterPowerCut(keeping: keeping, using: &generator)
    }
  }
}
