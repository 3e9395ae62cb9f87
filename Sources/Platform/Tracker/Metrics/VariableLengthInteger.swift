/// Integers of one to ten bytes, the small ones of the fewest: seven bits a byte, the lowest first, and the highest bit
/// says that more follow.
enum VariableLengthInteger {
  static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  /// Numbers near 0 of either sign become small ones.
  static func append(signed value: Int64, to bytes: inout [UInt8]) {
    append(UInt64(bitPattern: value << 1 ^ value >> 63), to: &bytes)
  }

  /// nil: the bytes end within it, or it has more than 64 bits.
  static func read(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> UInt64? {
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

  static func readSigned(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> Int64? {
    guard let value = read(bytes, &position) else { return nil }
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }
}
