import Catalog
import Glibc
import Linux

/// Reads the journal at the start: finds the prefix of operations that survived.
///
/// A record is good when its checksum, and that of the staged bytes it names, are right and its
/// number is the next. The first that is not good ends the prefix, as a torn tail does after a power
/// cut. But each record says up to where the journal was durable when it was written: when a later
/// record claims that the bad one had been durable, the disk has lost what it promised to keep, and
/// that is an error, not the end of the journal.
struct JournalRecovery {
  let disk: any Disk
  let storeID: [UInt8]
  let segments: LogSegments

  struct Result {
    var segments: [(segment: UInt64, first: LogSequenceNumber)] = []
    var last: LogSequenceNumber
  }

  private struct SegmentFile {
    var number: UInt64
    var first: LogSequenceNumber
    var file: any DiskFile
    var bytes: [UInt8]
    var checksumSeed: UInt32
    var hasGoodHeader = true
  }

  private struct Record {
    var sequence: LogSequenceNumber
    var durable: LogSequenceNumber
    var request: UInt64
    var operation: Operation
    var length: Int
  }

  func run(
    applied: LogSequenceNumber, replay: (LogSequenceNumber, UInt64, Operation) throws -> Void
  ) throws -> Result {
    var result = Result(last: applied)
    var names = try disk.list("journal").compactMap { LogSegments.number(of: $0, suffix: ".journal") }
    names.sort()
    var expected: LogSequenceNumber?
    var lost: [UInt64] = []
    for number in names {
      let segment = try open(number)
      let next = max(expected ?? 0, applied + 1)
      if !segment.hasGoodHeader {
        // Nothing in it was durable, unless a record says so.
        try refuseLostRecords(segment, after: Journal.headerLength, from: next)
        lost.append(number)
        continue
      }
      if expected != nil || !lost.isEmpty, segment.first > next {
        // Written after what was lost, and lost with it, unless it says that this had been durable.
        try refuseLostRecords(segment, after: Journal.headerLength, from: next)
        lost.append(number)
        continue
      }
      guard segment.first <= next else {
        throw JournalError(.damaged, "The journal lacks operations \(next) to \(segment.first - 1).")
      }
      result.segments.append((number, segment.first))
      let end = try replaySegment(segment, applied: applied, replay: replay)
      try refuseLostRecords(segment, after: end.offset, from: max(end.next, applied + 1))
      // What follows the prefix must not be taken for a part of it by a later recovery.
      if end.offset < segment.bytes.count { try segment.file.truncate(to: UInt64(end.offset)) }
      expected = end.next
      result.last = max(result.last, end.next - 1)
    }
    for number in lost { try segments.removeJournalSegment(number) }
    if !lost.isEmpty { try disk.syncDirectory("journal") }
    return result
  }

  /// Replays the good records of a segment. Returns the number that the next operation has, and where
  /// it would be.
  private func replaySegment(
    _ segment: SegmentFile, applied: LogSequenceNumber,
    replay: (LogSequenceNumber, UInt64, Operation) throws -> Void
  ) throws -> (next: LogSequenceNumber, offset: Int) {
    var next = segment.first
    var offset = Journal.headerLength
    while let record = read(segment, at: offset), record.sequence == next {
      if record.sequence > applied {
        guard stagedBytesAreThere(record.operation) else { break }
        if case .write(let write) = record.operation {
          segments.noteReplayed(write.location, sequence: record.sequence)
        }
      }
      try replay(record.sequence, record.request, record.operation)
      offset += record.length
      next += 1
    }
    return (next, offset)
  }

  private func open(_ number: UInt64) throws -> SegmentFile {
    let path = "journal/" + LogSegments.name(number) + ".journal"
    let file = try disk.open(path, create: false)
    let length = Int(try file.length())
    var bytes = [UInt8](repeating: 0, count: length)
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    bytes.removeLast(length - count)
    segments.register(number, file: file, path: path)
    let header = bytes.withUnsafeBytes { all -> (UInt64, UInt32, [UInt8], UInt64, UInt64, Bool)? in
      guard all.count >= Journal.headerLength else { return nil }
      let header = UnsafeRawBufferPointer(rebasing: all[..<Journal.headerLength])
      let checksum = UInt32(littleEndian: header.loadUnaligned(fromByteOffset: 60, as: UInt32.self))
      let isGood = checksum == crc32c(UnsafeRawBufferPointer(rebasing: header[..<60]))
      return (
        UInt64(littleEndian: header.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
        UInt32(littleEndian: header.loadUnaligned(fromByteOffset: 8, as: UInt32.self)),
        [UInt8](header[16..<32]),
        UInt64(littleEndian: header.loadUnaligned(fromByteOffset: 32, as: UInt64.self)),
        UInt64(littleEndian: header.loadUnaligned(fromByteOffset: 40, as: UInt64.self)), isGood
      )
    }
    let seed = Journal.checksumSeed(storeID: storeID, segment: number)
    let unreadable = SegmentFile(
      number: number, first: 0, file: file, bytes: bytes, checksumSeed: seed, hasGoodHeader: false)
    guard let header, header.0 == Journal.magic, header.5 else { return unreadable }
    guard header.1 <= Journal.version else {
      throw JournalError(
        .newerVersion,
        "The journal \(path) has format version \(header.1); this program knows \(Journal.version). Use a newer one.")
    }
    // A segment that was used before, and whose new header never reached the disk.
    guard header.3 == number else { return unreadable }
    guard header.2 == storeID else {
      throw JournalError(.damaged, "The journal segment \(path) belongs to another store.")
    }
    return SegmentFile(number: number, first: header.4, file: file, bytes: bytes, checksumSeed: seed)
  }

  private func read(_ segment: SegmentFile, at offset: Int) -> Record? {
    segment.bytes.withUnsafeBytes { all in
      guard all.count - offset >= Journal.recordHeaderLength else { return nil }
      let length = Int(UInt32(littleEndian: all.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      guard length >= Journal.recordHeaderLength, length % 8 == 0, length <= all.count - offset else { return nil }
      let record = UnsafeRawBufferPointer(rebasing: all[offset..<offset + length])
      // Before the checksum, which takes long where a record is none and the length some other number.
      let payloadLength = Int(UInt32(littleEndian: record.loadUnaligned(fromByteOffset: 36, as: UInt32.self)))
      let typeNumber = UInt16(littleEndian: record.loadUnaligned(fromByteOffset: 32, as: UInt16.self))
      let padding = length - Journal.recordHeaderLength - payloadLength
      guard (0..<8).contains(padding), record.loadUnaligned(fromByteOffset: 34, as: UInt16.self) == 0,
        let type = OperationType(rawValue: typeNumber)
      else { return nil }
      let checksum = UInt32(littleEndian: record.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      guard checksum == crc32c(UnsafeRawBufferPointer(rebasing: record[8...]), seed: segment.checksumSeed)
      else { return nil }
      let start = Journal.recordHeaderLength
      var reader = ByteReader(UnsafeRawBufferPointer(rebasing: record[start..<start + payloadLength]))
      let operation = try? Operation.decode(type, &reader) { inner in
        StagedLocation(segment: segment.number, offset: UInt64(offset + start + inner))
      }
      guard let operation else { return nil }
      return Record(
        sequence: UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
        durable: UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
        request: UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 24, as: UInt64.self)),
        operation: operation, length: length)
    }
  }

  private func stagedBytesAreThere(_ operation: Operation) -> Bool {
    guard case .write(let write) = operation, case .staged(let location, let checksum) = write.source else {
      return true
    }
    guard let file = segments.file(location.segment) else { return false }
    var bytes = [UInt8](repeating: 0, count: Int(write.length))
    let count = bytes.withUnsafeMutableBytes { try? file.read(into: $0, at: location.offset) }
    return count == bytes.count && bytes.withUnsafeBytes { crc32c($0) } == checksum
  }

  /// More records than any journal has between its first and its last.
  private static let mostRecords: LogSequenceNumber = 1 << 32

  /// Throws if a record after the end of the prefix says that operation `lost` had been durable.
  private func refuseLostRecords(_ segment: SegmentFile, after start: Int, from lost: LogSequenceNumber) throws {
    let claim = segment.bytes.withUnsafeBytes { all -> Int? in
      var offset = start
      while offset + Journal.recordHeaderLength <= all.count {
        // The cheap look first: most of a segment is zeros, or records of its earlier life.
        let sequence = UInt64(littleEndian: all.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
        let durable = UInt64(littleEndian: all.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self))
        if sequence > lost && sequence - lost < Self.mostRecords && durable >= lost && durable < sequence,
          read(segment, at: offset) != nil
        {
          return offset
        }
        offset = max(offset + 8, all.firstNonZero(from: offset) / 8 * 8 - 32)
      }
      return nil
    }
    guard claim != nil else { return }
    throw JournalError(
      .damaged,
      "Journal segment \(segment.number) is damaged: operation \(lost) was durable and can't be read. "
        + "Restore the file, or move the journal away to go on without the operations from \(lost) on.")
  }
}
