import Glibc
import Linux
import TestSupport
import Testing

@testable import Journal

@Suite struct LogSegmentsTests {
  /// Segments are used again under other names. What a power cut leaves of that must never be two names of
  /// one file: each would be written as if it were alone.
  @Test(arguments: testSeeds(200))
  func `a segment has one name after a power cut`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let disk = SimulatedDisk()
    let journal = try Journal(disk: disk, storeID: [UInt8](repeating: 1, count: 16), segmentLength: 64 << 10)
    try journal.recover(applied: 0) { _, _, _ in }
    try journal.segments.prepareSpare()
    disk.crash(at: disk.calls + Int.random(in: 1...80, using: &generator))
    do {
      for _ in 0..<40 {
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
          _ = try journal.appendWrite([UInt8](repeating: 1, count: 20_000))
          try journal.appendStaged([UInt8](repeating: 2, count: 40_000))
        }
        try journal.remove(upTo: journal.lastSequence)
      }
    } catch {
      if !disk.isDead { throw error }
    }
    disk.cutOff()
    let after = disk.afterPowerCut(keeping: 0.5, using: &generator)
    var names: [String] = []
    for directory in ["journal", "staging"] { names += try after.list(directory).map { directory + "/" + $0 } }
    for name in names { try mark(name, on: after) }
    for name in names {
      let file = try after.open(name, create: false)
      var found = [UInt8](repeating: 0, count: name.utf8.count)
      _ = try found.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
      #expect(found.elementsEqual(name.utf8), "seed \(seed): \(name) is \(String(decoding: found, as: UTF8.self)) too")
    }
  }

  @Test func `staged bytes are brought to the disk early where the last ones were synced`() throws {
    let disk = SimulatedDisk()
    let journal = try Journal(disk: disk, storeID: [UInt8](repeating: 1, count: 16), segmentLength: 16 << 20)
    try journal.recover(applied: 0) { _, _, _ in }
    let piece = [UInt8](repeating: 1, count: 1 << 20)
    /// Stages 9 MiB, in pieces as programs write them.
    func earlyWrites() throws -> [String] {
      disk.setTrace(true)
      for _ in 0..<9 { try journal.appendStaged(piece) }
      return disk.trace.filter { $0.hasPrefix("startWriting") }.map {
        $0.split(separator: " ")[1...].joined(separator: " ")
      }
    }
    let first = try earlyWrites()
    #expect(first.count == 1 && first[0].hasPrefix("0+8388608 staging/"), "\(first)")
    // A checkpoint has packed them before anybody synced them: what comes next need not be written twice, either.
    try journal.remove(upTo: journal.lastSequence)
    #expect(try earlyWrites() == [])
    try journal.sync()
    try journal.remove(upTo: journal.lastSequence)
    #expect(try earlyWrites().count == 1)
  }

  private func mark(_ name: String, on disk: SimulatedDisk) throws {
    let file = try disk.open(name, create: false)
    try Array(name.utf8).withUnsafeBytes { try file.write($0, at: 0) }
  }
}
