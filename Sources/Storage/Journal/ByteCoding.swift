/// Appends little-endian fields to a buffer that is kept from record to record.
struct ByteWriter {
  var bytes: [UInt8] = []

  mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// A count and the bytes.
  mutating func blob(_ value: [UInt8]) {
    integer(UInt32(value.count))
    bytes.append(contentsOf: value)
  }

  mutating func raw(_ value: UnsafeRawBufferPointer) { bytes.append(contentsOf: value) }

  mutating func optional<Value: FixedWidthInteger>(_ value: Value?) {
    integer(UInt8(value == nil ? 0 : 1))
    if let value { integer(value) }
  }

  /// Fills up with zeros to a multiple of 8.
  mutating func pad() {
    while bytes.count % 8 != 0 { bytes.append(0) }
  }

  mutating func set<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
    withUnsafeBytes(of: value.littleEndian) { field in
      for index in 0..<field.count { bytes[offset + index] = field[index] }
    }
  }
}

/// Reads little-endian fields from bytes that may be damaged: every read is checked.
struct ByteReader {
  /// What is read is shorter than its fields say, or says what no writer writes.
  struct Malformed: Error {}

  let bytes: UnsafeRawBufferPointer
  var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(Malformed) -> Value {
    let size = MemoryLayout<Value>.size
    guard bytes.count - offset >= size else { throw Malformed() }
    let value = bytes.loadUnaligned(fromByteOffset: offset, as: Value.self)
    offset += size
    return Value(littleEndian: value)
  }

  mutating func blob() throws(Malformed) -> [UInt8] {
    let count = Int(try integer(UInt32.self))
    guard bytes.count - offset >= count else { throw Malformed() }
    defer { offset += count }
    return [UInt8](bytes[offset..<offset + count])
  }

  mutating func optional<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(Malformed) -> Value? {
    switch try integer(UInt8.self) {
    case 0: return nil
    case 1: return try integer(Value.self)
    default: throw Malformed()
    }
  }
}
