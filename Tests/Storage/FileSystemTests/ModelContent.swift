/// The content of a file in the reference model: blocks of bytes, those that are missing are zeros,
/// and which bytes take space. As simple as can be, so that it can be believed.
struct ModelContent {
  static let blockLength: UInt64 = 4096
  /// Past every file.
  static let limit: UInt64 = 1 << 62

  private(set) var size: UInt64 = 0
  private var blocks: [UInt64: [UInt8]] = [:]
  private var taken = RangeSet<UInt64>()

  var allocated: UInt64 { taken.ranges.reduce(0) { $0 + UInt64($1.count) } }

  func allocated(in range: Range<UInt64>) -> UInt64 {
    taken.intersection(RangeSet(range)).ranges.reduce(0) { $0 + UInt64($1.count) }
  }

  /// The parts of the file that may hold something else than zeros, in order.
  var populated: [Range<UInt64>] {
    blocks.keys.sorted().map { $0 * Self.blockLength..<min(size, ($0 + 1) * Self.blockLength) }.filter { !$0.isEmpty }
  }

  func bytes(_ range: Range<UInt64>) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: range.count)
    for (block, inner, outer) in Self.pieces(range) {
      guard let bytes = blocks[block] else { continue }
      result.replaceSubrange(outer, with: bytes[inner])
    }
    return result
  }

  func isZero(_ range: Range<UInt64>) -> Bool {
    for (block, inner, _) in Self.pieces(range) where blocks[block] != nil {
      if blocks[block]![inner].contains(where: { $0 != 0 }) { return false }
    }
    return true
  }

  /// For each block of a range: the part in the block, and the part of the range.
  private static func pieces(_ range: Range<UInt64>) -> [(block: UInt64, inner: Range<Int>, outer: Range<Int>)] {
    var result: [(UInt64, Range<Int>, Range<Int>)] = []
    var position = range.lowerBound
    while position < range.upperBound {
      let block = position / blockLength
      let end = min(range.upperBound, (block + 1) * blockLength)
      let start = Int(position - block * blockLength)
      let outer = Int(position - range.lowerBound)
      result.append((block, start..<start + Int(end - position), outer..<outer + Int(end - position)))
      position = end
    }
    return result
  }

  private mutating func put(_ bytes: [UInt8], at offset: UInt64) {
    for (block, inner, outer) in Self.pieces(offset..<offset + UInt64(bytes.count)) {
      blocks[block, default: [UInt8](repeating: 0, count: Int(Self.blockLength))]
        .replaceSubrange(inner, with: bytes[outer])
    }
  }

  private mutating func clear(_ range: Range<UInt64>) {
    for block in blocks.keys {
      let start = block * Self.blockLength
      let part = range.clamped(to: start..<start + Self.blockLength)
      if part.isEmpty { continue }
      if part.count == Int(Self.blockLength) {
        blocks[block] = nil
      } else {
        let first = Int(part.lowerBound - start)
        blocks[block]!.replaceSubrange(first..<first + part.count, with: repeatElement(0, count: part.count))
      }
    }
  }

  mutating func write(_ bytes: [UInt8], at offset: UInt64) {
    put(bytes, at: offset)
    let end = offset + UInt64(bytes.count)
    taken.insert(contentsOf: offset..<end)
    size = max(size, end)
  }

  mutating func truncate(to length: UInt64) {
    if length <= size {
      clear(length..<Self.limit)
      taken.remove(contentsOf: length..<Self.limit)
    }
    size = length
  }

  mutating func allocate(_ range: Range<UInt64>, keepSize: Bool) {
    taken.insert(contentsOf: range)
    if !keepSize { size = max(size, range.upperBound) }
  }

  mutating func zero(_ range: Range<UInt64>, keepSize: Bool) {
    clear(range)
    allocate(range, keepSize: keepSize)
  }

  mutating func punch(_ range: Range<UInt64>) {
    clear(range)
    taken.remove(contentsOf: range)
  }

  /// Offset and length are multiples of the block, and the range ends before the file does.
  mutating func collapse(_ range: Range<UInt64>) {
    var moved: [UInt64: [UInt8]] = [:]
    for (block, bytes) in blocks {
      let start = block * Self.blockLength
      if start < range.lowerBound { moved[block] = bytes }
      if start >= range.upperBound { moved[block - UInt64(range.count) / Self.blockLength] = bytes }
    }
    blocks = moved
    // What is allocated past the end stays where it is.
    var shifted = RangeSet<UInt64>()
    for part in taken.ranges {
      let before = part.clamped(to: 0..<range.lowerBound)
      let behind = part.clamped(to: range.upperBound..<size)
      let past = part.clamped(to: size..<Self.limit)
      if !before.isEmpty { shifted.insert(contentsOf: before) }
      if !behind.isEmpty {
        shifted.insert(contentsOf: behind.lowerBound - UInt64(range.count)..<behind.upperBound - UInt64(range.count))
      }
      if !past.isEmpty { shifted.insert(contentsOf: past) }
    }
    taken = shifted
    size -= UInt64(range.count)
  }

  /// Offset and length are multiples of the block, and the offset is within the file.
  mutating func insert(_ range: Range<UInt64>) {
    let length = UInt64(range.count)
    var moved: [UInt64: [UInt8]] = [:]
    for (block, bytes) in blocks {
      moved[block * Self.blockLength < range.lowerBound ? block : block + length / Self.blockLength] = bytes
    }
    blocks = moved
    var shifted = RangeSet<UInt64>()
    for part in taken.ranges {
      let before = part.clamped(to: 0..<range.lowerBound)
      let behind = part.clamped(to: range.lowerBound..<size)
      let past = part.clamped(to: size + length..<Self.limit)
      if !before.isEmpty { shifted.insert(contentsOf: before) }
      if !behind.isEmpty { shifted.insert(contentsOf: behind.lowerBound + length..<behind.upperBound + length) }
      if !past.isEmpty { shifted.insert(contentsOf: past) }
    }
    taken = shifted
    size += length
  }

  /// The ranges don't overlap if `source` is the same file.
  mutating func copy(from source: ModelContent, _ range: Range<UInt64>, to offset: UInt64) {
    let end = offset + UInt64(range.count)
    punch(offset..<end)
    for part in source.taken.intersection(RangeSet(range)).ranges {
      let start = part.lowerBound - range.lowerBound + offset
      put(source.bytes(part), at: start)
      taken.insert(contentsOf: start..<start + UInt64(part.count))
    }
    size = max(size, end)
  }
}
