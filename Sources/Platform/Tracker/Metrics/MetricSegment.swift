/// Points of one metric as bytes, in the order in which they came.
///
/// The steps' differences, the differences of the times' differences (both as signed variable-length integers), and the
/// values as they are. Steps that count up by ones, as most do, take nothing: 9 to 10 bytes a point then. The layout
/// follows Facebook's Gorilla (T. Pelkonen et al., VLDB 2015) in its times; its packing of values was left out, because
/// the values of a loss have no bits in common that would pay for it.
enum MetricSegment {
  /// Points that one segment may have.
  static let most = 1 << 20

  /// How the steps are written.
  private enum Steps: UInt64 {
    /// The difference of each to the one before.
    case each = 0
    /// The first, and the difference that all have.
    case regular = 1
  }

  static func encode(_ points: [MetricPoint]) -> [UInt8] {
    precondition(points.count <= most)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(points.count * 11 + 24)
    VariableLengthInteger.append(UInt64(points.count), to: &bytes)
    appendSteps(points, to: &bytes)
    var (time, difference) = (Int64(0), Int64(0))
    for point in points {
      let next = point.timestamp &- time
      VariableLengthInteger.append(signed: next &- difference, to: &bytes)
      (time, difference) = (point.timestamp, next)
    }
    for point in points {
      withUnsafeBytes(of: point.value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }
    return bytes
  }

  private static func appendSteps(_ points: [MetricPoint], to bytes: inout [UInt8]) {
    let difference = points.count > 1 ? points[1].step &- points[0].step : 0
    let isRegular = points.indices.dropFirst().allSatisfy { points[$0].step &- points[$0 - 1].step == difference }
    if isRegular, let first = points.first {
      VariableLengthInteger.append(Steps.regular.rawValue, to: &bytes)
      VariableLengthInteger.append(signed: first.step, to: &bytes)
      VariableLengthInteger.append(signed: difference, to: &bytes)
    } else {
      VariableLengthInteger.append(Steps.each.rawValue, to: &bytes)
      var step: Int64 = 0
      for point in points {
        VariableLengthInteger.append(signed: point.step &- step, to: &bytes)
        step = point.step
      }
    }
  }

  /// nil: these are not the bytes of a segment. They may be anything.
  static func decode(_ bytes: UnsafeRawBufferPointer) -> [MetricPoint]? {
    var position = 0
    // A point takes nine bytes at least: no count makes more room than the bytes there are.
    guard let count = VariableLengthInteger.read(bytes, &position), count <= most, Int(count) * 9 <= bytes.count
    else { return nil }
    var points = [MetricPoint](repeating: MetricPoint(step: 0, timestamp: 0, value: 0), count: Int(count))
    guard readSteps(bytes, &position, into: &points) else { return nil }
    var (time, difference) = (Int64(0), Int64(0))
    for index in points.indices {
      guard let change = VariableLengthInteger.readSigned(bytes, &position) else { return nil }
      difference &+= change
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

  private static func readSteps(
    _ bytes: UnsafeRawBufferPointer, _ position: inout Int, into points: inout [MetricPoint]
  ) -> Bool {
    guard let form = VariableLengthInteger.read(bytes, &position).flatMap(Steps.init) else { return false }
    var step: Int64 = 0
    switch form {
    case .regular:
      guard let first = VariableLengthInteger.readSigned(bytes, &position),
        let difference = VariableLengthInteger.readSigned(bytes, &position)
      else { return false }
      step = first
      for index in points.indices {
        points[index].step = step
        step &+= difference
      }
    case .each:
      for index in points.indices {
        guard let difference = VariableLengthInteger.readSigned(bytes, &position) else { return false }
        step &+= difference
        points[index].step = step
      }
    }
    return true
  }
}
