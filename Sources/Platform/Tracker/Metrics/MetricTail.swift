/// What one request logged, as bytes: a row of the table `tail`.
///
/// The run, the number of points, and of each the key's number, step, time (signed variable-length integers) and value.
enum MetricTail {
  struct Entry: Hashable, Sendable {
    var key: Int64
    var point: MetricPoint
  }

  static func encode(run: Int64, _ entries: [Entry]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entries.count * 20 + 12)
    VariableLengthInteger.append(signed: run, to: &bytes)
    VariableLengthInteger.append(UInt64(entries.count), to: &bytes)
    for entry in entries {
      VariableLengthInteger.append(signed: entry.key, to: &bytes)
      VariableLengthInteger.append(signed: entry.point.step, to: &bytes)
      VariableLengthInteger.append(signed: entry.point.timestamp, to: &bytes)
      withUnsafeBytes(of: entry.point.value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }
    return bytes
  }

  /// nil: these are not the bytes of such a row. They may be anything.
  static func decode(_ bytes: UnsafeRawBufferPointer) -> (run: Int64, entries: [Entry])? {
    var position = 0
    guard let run = VariableLengthInteger.readSigned(bytes, &position),
      let count = VariableLengthInteger.read(bytes, &position), count <= bytes.count / 11
    else { return nil }
    var entries: [Entry] = []
    entries.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let key = VariableLengthInteger.readSigned(bytes, &position),
        let step = VariableLengthInteger.readSigned(bytes, &position),
        let timestamp = VariableLengthInteger.readSigned(bytes, &position), bytes.count - position >= 8
      else { return nil }
      let bits = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      position += 8
      entries.append(
        Entry(key: key, point: MetricPoint(step: step, timestamp: timestamp, value: Double(bitPattern: bits))))
    }
    return position == bytes.count ? (run, entries) : nil
  }
}
