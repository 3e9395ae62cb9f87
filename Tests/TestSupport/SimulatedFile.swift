import Glibc
import Linux

/// A file of a ``SimulatedDisk``: what programs see of it, and what a power cut could leave.
struct SimulatedFile {
  /// What was done to the file, as far as a power cut could undo it.
  struct Change {
    enum Kind {
      case write(offset: UInt64, bytes: [UInt8])
      case truncate(UInt64)
      case punch(Range<UInt64>)
    }

    var kind: Kind
    /// A sync made it durable; it is still in the list when an earlier one could be undone.
    var isDurable = false
    /// A sync failed after it: the kernel has forgotten that it is to be written.
    var isForgotten = false
  }

  /// The unit that a disk writes or does not write.
  static let sector: UInt64 = 512

  private(set) var content = SparseBytes()
  private var durable = SparseBytes()
  private var changes: [Change] = []
  /// Space taken, written or reserved, in pages.
  private(set) var reserved = RangeSet<UInt64>()

  var hasUnsynced: Bool { changes.contains { !$0.isDurable } }

  static func pages(_ range: Range<UInt64>) -> Range<UInt64> {
    range.lowerBound / SparseBytes.page..<(range.upperBound + SparseBytes.page - 1) / SparseBytes.page
  }

  /// Pages that a change to a range would take beyond those that are taken.
  func missingPages(_ range: Range<UInt64>) -> UInt64 {
    let pages = Self.pages(range)
    return UInt64(pages.count) - reserved.intersection(RangeSet(pages)).ranges.reduce(0) { $0 + UInt64($1.count) }
  }

  private(set) var takenPages: UInt64 = 0

  private mutating func reserve(_ range: Range<UInt64>) {
    takenPages += missingPages(range)
    reserved.insert(contentsOf: Self.pages(range))
  }

  private mutating func release(_ pages: Range<UInt64>) {
    guard !pages.isEmpty else { return }
    reserved.remove(contentsOf: pages)
    takenPages = reserved.ranges.reduce(0) { $0 + UInt64($1.count) }
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) {
    guard !bytes.isEmpty else { return }
    record(.write(offset: offset, bytes: [UInt8](bytes)))
    reserve(offset..<offset + UInt64(bytes.count))
  }

  mutating func truncate(to length: UInt64) {
    record(.truncate(length))
    release(Self.pages(0..<length).upperBound..<1 << 52)
  }

  mutating func allocate(_ range: Range<UInt64>) {
    reserve(range)
    if range.upperBound > content.length { record(.truncate(range.upperBound)) }
  }

  mutating func punch(_ range: Range<UInt64>) {
    record(.punch(range))
    let first = (range.lowerBound + SparseBytes.page - 1) / SparseBytes.page
    release(first..<max(first, range.upperBound / SparseBytes.page))
  }

  private mutating func record(_ kind: Change.Kind) {
    Self.apply(kind, to: &content)
    changes.append(Change(kind: kind))
  }

  private static func apply(_ kind: Change.Kind, to bytes: inout SparseBytes) {
    switch kind {
    case .write(let offset, let new): new.withUnsafeBytes { bytes.write($0, at: offset) }
    case .truncate(let length): bytes.truncate(to: length)
    case .punch(let range): bytes.zero(range.clamped(to: 0..<bytes.length))
    }
  }

  mutating func sync() {
    for index in changes.indices where !changes[index].isForgotten { changes[index].isDurable = true }
    var settled = 0
    while settled < changes.count, changes[settled].isDurable {
      Self.apply(changes[settled].kind, to: &durable)
      settled += 1
    }
    changes.removeFirst(settled)
  }

  /// A sync failed: what was to be written is not tried again by the next one.
  mutating func forget() {
    for index in changes.indices where !changes[index].isDurable { changes[index].isForgotten = true }
  }

  /// What a power cut leaves: of what no sync has covered, some sectors and some changes of the
  /// length, each kept with the probability `keeping`.
  func afterPowerCut(keeping: Double, using generator: inout SeededGenerator) -> SimulatedFile {
    var result = durable
    // The length follows the order of the changes up to some point, whatever the data do.
    let volatile = changes.indices.filter { !changes[$0].isDurable }
    let kept = volatile.filter { _ in Double.random(in: 0..<1, using: &generator) < keeping }.count
    let lastLength = kept == volatile.count ? changes.count : volatile[kept]
    for (index, change) in changes.enumerated() {
      if change.isDurable {
        Self.apply(change.kind, to: &result)
        continue
      }
      switch change.kind {
      case .write(let offset, let bytes):
        let end = offset + UInt64(bytes.count)
        if index < lastLength && end > result.length { result.truncate(to: end) }
        var start = offset
        while start < end {
          let next = min(end, (start / Self.sector + 1) * Self.sector)
          if Double.random(in: 0..<1, using: &generator) < keeping, next <= result.length {
            bytes[Int(start - offset)..<Int(next - offset)].withUnsafeBytes { result.write($0, at: start) }
          }
          start = next
        }
      case .truncate, .punch: if index < lastLength { Self.apply(change.kind, to: &result) }
      }
    }
    return SimulatedFile(settled: result)
  }

  init() {}

  private init(settled: SparseBytes) {
    content = settled
    durable = settled
    for page in settled.pageNumbers { reserve(page * SparseBytes.page..<(page + 1) * SparseBytes.page) }
  }
}

/// Bytes with holes.
struct SparseBytes {
  static let page: UInt64 = 4096

  private(set) var length: UInt64 = 0
  private var pages: [UInt64: [UInt8]] = [:]

  var pageNumbers: Dictionary<UInt64, [UInt8]>.Keys { pages.keys }

  mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) {
    var done = 0
    while done < bytes.count {
      let position = offset + UInt64(done)
      let start = Int(position % Self.page)
      let count = min(bytes.count - done, Int(Self.page) - start)
      pages[position / Self.page, default: [UInt8](repeating: 0, count: Int(Self.page))].withUnsafeMutableBytes {
        $0.baseAddress!.advanced(by: start).copyMemory(from: bytes.baseAddress! + done, byteCount: count)
      }
      done += count
    }
    length = max(length, offset + UInt64(bytes.count))
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
    guard offset < length else { return 0 }
    let count = Int(min(UInt64(buffer.count), length - offset))
    var done = 0
    while done < count {
      let position = offset + UInt64(done)
      let start = Int(position % Self.page)
      let part = min(count - done, Int(Self.page) - start)
      if let bytes = pages[position / Self.page] {
        bytes.withUnsafeBytes {
          buffer.baseAddress!.advanced(by: done).copyMemory(from: $0.baseAddress! + start, byteCount: part)
        }
      } else {
        memset(buffer.baseAddress! + done, 0, part)
      }
      done += part
    }
    return count
  }

  mutating func truncate(to newLength: UInt64) {
    if newLength < length { zero(newLength..<length) }
    length = newLength
  }

  /// The range lies within the length.
  mutating func zero(_ range: Range<UInt64>) {
    guard !range.isEmpty else { return }
    let first = range.lowerBound / Self.page
    let last = (range.upperBound - 1) / Self.page
    for number in last - first < 64 ? Array(first...last) : pages.keys.filter({ (first...last).contains($0) }) {
      guard pages[number] != nil else { continue }
      let part = range.clamped(to: number * Self.page..<(number + 1) * Self.page)
      if part.count == Int(Self.page) {
        pages[number] = nil
      } else {
        pages[number]!.withUnsafeMutableBytes {
          _ = memset($0.baseAddress! + Int(part.lowerBound - number * Self.page), 0, part.count)
        }
      }
    }
  }
}
