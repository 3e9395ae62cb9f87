/// Cuts content into chunks where the content says so, so that an insertion changes the chunks
/// around it and no others.
///
/// FastCDC (Xia et al., USENIX ATC 2016) with a 64-bit gear hash and normalisation level 2:
/// a boundary needs two more zero bits than log2(average) before the average size and two fewer
/// after it. The bits are the highest of the hash, which depend on all of the last 64 bytes; low
/// bits would depend on few. docs/formats.md has the algorithm in full; it is frozen.
public struct Chunker: Sendable {
  /// Bytes that the hash depends on: each shifts it by a bit.
  static let window = 64

  public let parameters: ChunkParameters
  private let gear: [UInt64]
  private let strictMask: UInt64
  private let looseMask: UInt64

  /// `parameters` must be valid.
  public init(_ parameters: ChunkParameters) {
    precondition(parameters.isValid, "chunk parameters out of range")
    self.parameters = parameters
    gear = Self.gearTable(seed: parameters.gearSeed)
    let bits = parameters.average.trailingZeroBitCount
    strictMask = ~0 << (64 - (bits + 2))
    looseMask = ~0 << (64 - (bits - 2))
  }

  /// The length of the first chunk of `bytes`, which must be all that is left of the content, or at
  /// least `maximum` bytes of it. 0 only for no bytes.
  public func cut(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard bytes.count > parameters.minimum, let base = bytes.baseAddress else { return bytes.count }
    let end = min(bytes.count, parameters.maximum)
    let normal = min(end, parameters.average)
    return gear.withUnsafeBufferPointer { table in
      // One byte a step over raw pointers: unrolled by two it was slower, and checked arrays cost a third.
      let gear = table.baseAddress!
      let content = base.assumingMemoryBound(to: UInt8.self)
      var hash: UInt64 = 0
      // Filling the window first makes a boundary depend on the content alone, not on where the chunk began.
      var at = parameters.minimum - Self.window
      while at < parameters.minimum - 1 {
        hash = (hash &<< 1) &+ gear[Int(content[at])]
        at &+= 1
      }
      while at < normal {
        hash = (hash &<< 1) &+ gear[Int(content[at])]
        at &+= 1
        if hash & strictMask == 0 { return at }
      }
      while at < end {
        hash = (hash &<< 1) &+ gear[Int(content[at])]
        at &+= 1
        if hash & looseMask == 0 { return at }
      }
      return end
    }
  }

  /// 256 words of splitmix64 (Steele, Lea, Flood, OOPSLA 2014) that begins with `seed`.
  static func gearTable(seed: UInt64) -> [UInt64] {
    var state = seed
    return (0..<256).map { _ in
      state &+= 0x9E37_79B9_7F4A_7C15
      var word = state
      word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
      word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
      return word ^ (word >> 31)
    }
  }
}
