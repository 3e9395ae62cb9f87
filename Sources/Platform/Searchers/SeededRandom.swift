import Glibc

/// splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): the same seed gives the same
/// numbers, on every machine and in every version. The standard library's ways from bits to numbers may change between
/// versions, so what a search draws is made here.
struct SeededRandom: Hashable, Codable, Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A stream of its own for each purpose, whatever the order in which the purposes come.
  init(seed: UInt64, stream: Int) {
    var mixer = SeededRandom(seed: seed)
    var own = SeededRandom(seed: mixer.next() ^ UInt64(bitPattern: Int64(stream)))
    self.init(seed: own.next())
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// From 0, included, to 1, excluded.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// From 0 to `count` - 1; `count` is 1 or more. The bias is below 2^-32 for what a search counts.
  mutating func index(below count: Int) -> Int { min(Int(unit() * Double(count)), count - 1) }
}

/// The value below which a standard normal variable lies with this probability, from 0 to 1, both excluded.
///
/// P. J. Acklam's rational approximation; its relative error is below 1.2e-9.
func normalQuantile(_ probability: Double) -> Double {
  let low = 0.02425
  if probability > 0.5 { return -normalQuantile(1 - probability) }
  if probability < low {
    let q = (-2 * log(max(probability, 1e-300))).squareRoot()
    return polynomial(
      [
        -7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00, -2.549732539343734e+00,
        4.374664141464968e+00, 2.938163982698783e+00,
      ], q)
      / polynomial(
        [7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00, 1], q)
  }
  let q = probability - 0.5
  let r = q * q
  return q
    * polynomial(
      [
        -3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02,
        -3.066479806614716e+01, 2.506628277459239e+00,
      ], r)
    / polynomial(
      [
        -5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
        -1.328068155288572e+01, 1,
      ], r)
}

/// Horner's rule, the highest power first.
private func polynomial(_ coefficients: [Double], _ x: Double) -> Double { coefficients.reduce(0) { $0 * x + $1 } }
