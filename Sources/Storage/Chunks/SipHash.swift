/// SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012) of `bytes`: 64 bits that nobody can steer
/// without the key, so nobody can choose names that fall on one place of a directory.
public func sipHash(key: (UInt64, UInt64), _ bytes: UnsafeRawBufferPointer) -> UInt64 {
  var state = SipState(key: key)
  let wholeWords = bytes.count & ~7
  var at = 0
  while at < wholeWords {
    state.absorb(bytes.loadLittleEndian(at: at))
    at += 8
  }
  var last = UInt64(truncatingIfNeeded: bytes.count) << 56
  for index in at..<bytes.count { last |= UInt64(bytes[index]) << (8 * UInt64(index - at)) }
  state.absorb(last)
  return state.finish()
}

private struct SipState {
  var v0: UInt64
  var v1: UInt64
  var v2: UInt64
  var v3: UInt64

  // The constants are "somepseudorandomlygeneratedbytes".
  init(key: (UInt64, UInt64)) {
    v0 = key.0 ^ 0x736f_6d65_7073_6575
    v1 = key.1 ^ 0x646f_7261_6e64_6f6d
    v2 = key.0 ^ 0x6c79_6765_6e65_7261
    v3 = key.1 ^ 0x7465_6462_7974_6573
  }

  mutating func absorb(_ word: UInt64) {
    v3 ^= word
    round()
    round()
    v0 ^= word
  }

  mutating func finish() -> UInt64 {
    v2 ^= 0xff
    for _ in 0..<4 { round() }
    return v0 ^ v1 ^ v2 ^ v3
  }

  @inline(__always)
  private mutating func round() {
    v0 &+= v1
    v2 &+= v3
    v1 = rotate(v1, 13) ^ v0
    v3 = rotate(v3, 16) ^ v2
    v0 = rotate(v0, 32)
    v2 &+= v1
    v0 &+= v3
    v1 = rotate(v1, 17) ^ v2
    v3 = rotate(v3, 21) ^ v0
    v2 = rotate(v2, 32)
  }

  @inline(__always)
  private func rotate(_ word: UInt64, _ bits: UInt64) -> UInt64 { word << bits | word >> (64 - bits) }
}
