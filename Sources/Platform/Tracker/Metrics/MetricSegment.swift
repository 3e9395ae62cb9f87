/// Points of one metric as bytes, in the order in which they came.
///
/// The steps' differences, the differences of the times' differences (both as signed variable-length integers, of
/// which a regular series takes a byte each), and the values as they are: 10 to 11 bytes a point. The layout follows
/// Facebook's Gorilla (T. Pelkonen et al., VLDB 2015) in its times; its packing of values was left out, because the
/// values of a loss have no bits in common that would pay for it.
enum MetricSegment {
  /// Points that one segment may have.
  static let most = 1 << 20

  static func encode(_ points: [MetricPoint]) -> [UInt8] {
    precondition(points.count <= most)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(points.count * 11 + 4)
    append(UInt64(points.count), to: &bytes)
    var step: Int64 = 0
    for point in points {
      append(zigzag(point.step &- step), to: &bytes)
      step = point.step
    }
    var (time, difference) = (Int64(0), Int64(0))
    for point in points {
      let next = point.timestamp &- time
      append(zigzag(next &- difference), to: &bytes)
      (time, difference) = (point.timestamp, next)
    }
    for point in points {
      withUnsafeBytes(of: point.value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }
    return bytes
  }

  /// nil: these are not the bytes of a segment. They may be anything.
  static func decode(_ bytes: UnsafeRawBufferPointer) -> [MetricPoint]? {
    var position = 0
    guard let count = integer(bytes, &position), count <= most, Int(count) * 10 <= bytes.count else { return nil }
    var points = [MetricPoint](repeating: MetricPoint(step: 0, timestamp: 0, value: 0), count: Int(count))
    var step: Int64 = 0
    for index in points.indices {
      guard let difference = integer(bytes, &position) else { return nil }
      step &+= signed(difference)
      points[index].step = step
    }
    var (time, difference) = (Int64(0), Int64(0))
    for index in points.indices {
      guard let change = integer(bytes, &position) else { return nil }
      difference &+= signed(change)
      time &+= difference
      points[index].timestamp = time
    }
    guard bytes.count - position == points.count * 8 else { return nil }
    for index in points.indices {
      let bits = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 8 * index, as: UInt64.self))
      points[index].value = Double(bitPattern: bits)
    }
    return points
  }

  /// Numbers near 0 of either sign become small ones.
  private static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value << 1 ^ value >> 63) }

  private static func signed(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  /// Seven bits a byte, the lowest first; the highest bit says that more follow.
  private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private static func integer(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < bytes.count, shift < 64 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
      shift += 7
    }
    return nil
  }
}
