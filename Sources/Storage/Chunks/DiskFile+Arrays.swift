import Linux

extension DiskFile {
  func write(_ bytes: [UInt8], at offset: UInt64) throws(SystemError) {
    try bytes.withUnsafeBufferPointer { buffer throws(SystemError) in
      try write(UnsafeRawBufferPointer(buffer), at: offset)
    }
  }

  /// Up to `count` bytes; fewer only at the end of the file.
  func read(_ count: Int, at offset: UInt64) throws(SystemError) -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled throws(SystemError) in
      filled = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
    }
  }
}
