import Foundation
import Glibc
import Linux
import TestSupport

/// What a ``LoggedDisk`` remembers: its writes and flushes in their order.
struct WriteLog {
  struct Record {
    var isFlush: Bool
    var offset: Int
    /// Where the bytes lie in the log; it ends with the record.
    var bytes: Range<Int>
  }

  let records: [Record]
  private let content: Data

  init(_ path: String) throws {
    content = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
    var records: [Record] = []
    content.withUnsafeBytes { all in
      var place = 0
      while place + 16 <= all.count {
        let offset = Int(all.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        let length = Int(all.loadUnaligned(fromByteOffset: place + 8, as: UInt32.self))
        let kind = all.loadUnaligned(fromByteOffset: place + 12, as: UInt32.self)
        place += 16
        records.append(Record(isFlush: kind == 2, offset: offset, bytes: place..<place + length))
        place += length
      }
    }
    self.records = records
  }

  /// How many records were there when the log had this length.
  func count(at position: Int) -> Int {
    var (low, high) = (0, records.count)
    while low < high {
      let middle = (low + high) / 2
      if records[middle].bytes.upperBound <= position { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func withBytes(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    try content.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }
}

/// Where the power goes, and what becomes of the writes that no flush covers.
struct CrashPoint: CustomStringConvertible {
  enum Unflushed: String, CaseIterable {
    /// All are on the disk.
    case kept
    /// None is.
    case lost
    /// Each by chance: there, not there, or torn between sectors; and in any order.
    case shuffled
  }

  /// How many records of the log there are.
  var records: Int
  var unflushed: Unflushed
  var seed: UInt64

  var description: String {
    "after \(records) writes and flushes, what was not flushed \(unflushed.rawValue), seed \(seed)"
  }
}

/// Makes images of a disk as it is found after power cuts. The points must come in ascending order.
final class CrashImages {
  private static let sector = 512

  private let log: WriteLog
  private let directory: String
  /// Everything up to and with a flush.
  private var flushed = 0
  private var base: String { directory + "/flushed" }

  init(_ log: WriteLog, bytes: UInt64, in directory: String) throws {
    self.log = log
    self.directory = directory
    try Data().write(to: URL(filePath: directory + "/flushed"))
    guard truncate(directory + "/flushed", off_t(bytes)) == 0 else { throw SystemError("truncate", directory) }
  }

  /// The path of the image: the same each time.
  func make(_ point: CrashPoint) throws -> String {
    let lastFlush = log.records[..<point.records].lastIndex { $0.isFlush }.map { $0 + 1 } ?? 0
    try write(to: base) { file in
      for record in log.records[flushed..<max(lastFlush, flushed)] { try apply(record, file, record.bytes) }
    }
    flushed = max(lastFlush, flushed)
    let image = directory + "/image"
    try command("cp", base, image)
    guard point.unflushed != .lost else { return image }
    try write(to: image) { file in
      var rest = Array(log.records[lastFlush..<point.records])
      var generator = SeededGenerator(seed: point.seed)
      if point.unflushed == .shuffled { rest.shuffle(using: &generator) }
      for record in rest {
        guard point.unflushed == .shuffled else {
          try apply(record, file, record.bytes)
          continue
        }
        switch UInt8.random(in: 0..<5, using: &generator) {
        case 0, 1: break
        case 2, 3: try apply(record, file, record.bytes)
        default:
          for start in stride(from: record.bytes.lowerBound, to: record.bytes.upperBound, by: Self.sector)
          where Bool.random(using: &generator) {
            try apply(record, file, start..<min(start + Self.sector, record.bytes.upperBound))
          }
        }
      }
    }
    return image
  }

  private func write(to path: String, _ body: (Int32) throws -> Void) throws {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    if file < 0 { throw SystemError("open", path) }
    defer { close(file) }
    try body(file)
  }

  private func apply(_ record: WriteLog.Record, _ file: Int32, _ range: Range<Int>) throws {
    try log.withBytes(range) { bytes in
      guard !bytes.isEmpty else { return }
      let offset = record.offset + range.lowerBound - record.bytes.lowerBound
      guard pwrite(file, bytes.baseAddress!, bytes.count, off_t(offset)) == bytes.count else {
        throw SystemError("pwrite", directory)
      }
    }
  }
}
