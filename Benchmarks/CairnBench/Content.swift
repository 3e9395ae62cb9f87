/// Bytes that compress to about a half and repeat nowhere: each block of 512 holds 240 random bytes, 256 of text
/// and a stamp. The random bytes and the text are made once; the stamp makes every block differ from every other
/// one, so that nothing is deduplicated by accident, and costs next to nothing inside a timed loop.
struct Content {
  static let block = 512
  let buffer: UnsafeMutableRawBufferPointer
  private let stream: UInt64
  private var next: UInt64 = 0

  /// `stream` tells the contents of different runs apart; the same stream gives the same bytes again.
  init(count: Int, stream: UInt64) {
    precondition(count % Self.block == 0)
    self.stream = stream
    buffer = .allocate(byteCount: count, alignment: 4096)
    var generator = SplitMix64(state: 42)
    let text = Array("the quick brown fox jumps over the lazy dog; ".utf8)
    for start in stride(from: 0, to: count, by: Self.block) {
      for offset in stride(from: 16, to: 256, by: 8) {
        buffer.storeBytes(of: generator.next(), toByteOffset: start + offset, as: UInt64.self)
      }
      for offset in 256..<Self.block { buffer[start + offset] = text[offset % text.count] }
    }
  }

  /// Turns the buffer into the stream's next bytes.
  mutating func advance() -> UnsafeRawBufferPointer {
    for start in stride(from: 0, to: buffer.count, by: Self.block) {
      buffer.storeBytes(of: stream, toByteOffset: start, as: UInt64.self)
      buffer.storeBytes(of: next, toByteOffset: start + 8, as: UInt64.self)
      next += 1
    }
    return UnsafeRawBufferPointer(buffer)
  }

  func free() { buffer.deallocate() }
}

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014). The same numbers in every run.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
