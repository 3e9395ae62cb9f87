// Every number in the store's files is little-endian and may lie at any address.

extension UnsafeRawBufferPointer {
  @inline(__always)
  func loadLittleEndian<Number: FixedWidthInteger>(_ type: Number.Type = Number.self, at offset: Int) -> Number {
    Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
  }
}

extension UnsafeMutableRawBufferPointer {
  @inline(__always)
  func storeLittleEndian<Number: FixedWidthInteger>(_ value: Number, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: Number.self)
  }

  /// Copies `bytes` to `offset`.
  @inline(__always)
  func store(_ bytes: some Collection<UInt8>, at offset: Int) {
    self[offset..<offset + bytes.count].copyBytes(from: bytes)
  }
}

extension UnsafeMutableRawBufferPointer.SubSequence {
  @inline(__always)
  func copyBytes(from bytes: some Collection<UInt8>) {
    UnsafeMutableRawBufferPointer(rebasing: self).copyBytes(from: bytes)
  }
}
