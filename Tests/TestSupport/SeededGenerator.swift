import Glibc

/// splitmix64: the same seed gives the same numbers, on every machine and for ever.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  public mutating func bytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      let bytes = UnsafeMutableRawBufferPointer(buffer)
      let words = count / 8
      for index in 0..<words { bytes.storeBytes(of: next().littleEndian, toByteOffset: 8 * index, as: UInt64.self) }
      var last = words * 8 < count ? next() : 0
      for index in words * 8..<count {
        buffer[index] = UInt8(truncatingIfNeeded: last)
        last >>= 8
      }
      filled = count
    }
  }
}

/// The argument of a property test, as in `@Test(arguments: testSeeds())`: a failure then names the seed,
/// and `CAIRN_TEST_SEED=<seed>` runs the same case again. Without the variable each run has new ones.
public func testSeeds(_ count: Int = 1) -> [UInt64] {
  if let text = getenv("CAIRN_TEST_SEED") {
    guard let seed = UInt64(String(cString: text)) else { fatalError("CAIRN_TEST_SEED is not a number") }
    return [seed]
  }
  return (0..<count).map { _ in .random(in: 0...UInt64(UInt32.max)) }
}
