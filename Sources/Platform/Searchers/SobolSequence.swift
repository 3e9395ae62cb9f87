/// Points that fill the unit cube more evenly than random ones do.
///
/// I. M. Sobol' 1967, in the order of the Gray code (Antonov and Saleev 1979), as in Joe and Kuo's program and SciPy.
/// A digital shift by the seed keeps its evenness and keeps the first point from being the cube's corner.
struct SobolSequence: Sendable {
  /// The most dimensions there are numbers for.
  static let mostDimensions = SobolDirections.dimensions.count + 1
  private static let bits = 32

  /// For each dimension the direction numbers, one for each bit.
  private let directions: [[UInt32]]
  private let shifts: [UInt32]

  /// - Parameters:
  ///   - dimensions: at most ``mostDimensions``.
  ///   - seed: nil: not shifted.
  init(dimensions: Int, seed: UInt64?) {
    directions = (0..<min(dimensions, Self.mostDimensions)).map(Self.directions(ofDimension:))
    var random = SeededRandom(seed: seed ?? 0)
    shifts = directions.map { _ in seed == nil ? 0 : UInt32(truncatingIfNeeded: random.next() >> 32) }
  }

  /// The point of this number, from 0 to 2^32 - 1.
  func point(_ number: Int) -> [Double] {
    let gray = UInt32(truncatingIfNeeded: number) ^ (UInt32(truncatingIfNeeded: number) >> 1)
    return zip(directions, shifts).map { numbers, shift in
      var coordinate = shift
      for bit in 0..<Self.bits where gray >> UInt32(bit) & 1 == 1 { coordinate ^= numbers[bit] }
      return Double(coordinate) * 0x1p-32
    }
  }

  private static func directions(ofDimension dimension: Int) -> [UInt32] {
    var numbers = [UInt32](repeating: 0, count: bits)
    guard dimension > 0 else {
      for bit in 0..<bits { numbers[bit] = 1 << UInt32(bits - 1 - bit) }
      return numbers
    }
    let (polynomial, initial) = SobolDirections.dimensions[dimension - 1]
    let degree = initial.count
    for bit in 0..<bits {
      if bit < degree {
        numbers[bit] = initial[bit] << UInt32(bits - 1 - bit)
        continue
      }
      var number = numbers[bit - degree] ^ (numbers[bit - degree] >> UInt32(degree))
      for step in 1..<max(degree, 1) where polynomial >> UInt32(degree - step) & 1 == 1 {
        number ^= numbers[bit - step]
      }
      numbers[bit] = number
    }
    return numbers
  }
}
