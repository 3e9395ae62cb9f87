import Glibc

/// What values a hyperparameter may have, and how likely each is.
public struct Distribution: Hashable, Codable, Sendable {
  public enum Shape: Hashable, Codable, Sendable {
    /// One of these; the probabilities are as many, and their sum is 1. One value is a constant.
    case categorical([ParameterValue], probabilities: [Double]?)
    /// Whole numbers, both ends included.
    case integer(min: Int64, max: Int64)
    case uniform(min: Double, max: Double)
    /// Its logarithm is uniform; `min` is above 0.
    case logUniform(min: Double, max: Double)
    case normal(mean: Double, deviation: Double)
    /// Its logarithm is normal, with this mean and deviation.
    case logNormal(mean: Double, deviation: Double)
  }

  public var shape: Shape
  /// Values are multiples of it; nil: they are not rounded.
  public var quantum: Double?

  public init(_ shape: Shape, quantum: Double? = nil) {
    self.shape = shape
    self.quantum = quantum
  }

  public static func constant(_ value: ParameterValue) -> Distribution {
    Distribution(.categorical([value], probabilities: nil))
  }

  public var isConstant: Bool {
    if case .categorical(let values, _) = shape { values.count == 1 } else { false }
  }

  /// The value that lies at `unit`, from 0 to 1 excluded, of the way through the distribution: its quantile.
  func value(at unit: Double) -> ParameterValue {
    switch shape {
    case .categorical(let values, nil): return values[min(Int(unit * Double(values.count)), values.count - 1)]
    case .categorical(let values, let probabilities?):
      var sum = 0.0
      for (value, probability) in zip(values, probabilities) {
        sum += probability
        if unit < sum { return value }
      }
      // The sum of the probabilities is 1 but for rounding.
      return values[probabilities.lastIndex { $0 > 0 } ?? values.count - 1]
    case .integer(let min, let max):
      // In floating point a range of more than 2^53 would lose its ends.
      let span = Double(max) - Double(min) + 1
      return rounded(Double(min) + (unit * span).rounded(.down))
    case .uniform(let min, let max): return rounded(min + unit * (max - min))
    case .logUniform(let min, let max): return rounded(exp(log(min) + unit * (log(max) - log(min))))
    case .normal(let mean, let deviation): return rounded(mean + deviation * quantile(unit))
    case .logNormal(let mean, let deviation): return rounded(exp(mean + deviation * quantile(unit)))
    }
  }

  /// All values, in order, where there are finitely many; nil: there are not, and no grid has them.
  var gridValues: [ParameterValue]? {
    switch shape {
    case .categorical(let values, _): return values
    case .integer(let min, let max):
      let step = Int64(quantum ?? 1)
      guard step > 0, UInt64(bitPattern: max &- min) / UInt64(step) < UInt64(Self.mostGridValues) else { return nil }
      return stride(from: min, through: max, by: Int(step)).map { .integer($0) }
    case .uniform(let min, let max), .logUniform(let min, let max):
      guard let quantum, (max - min) / quantum < Double(Self.mostGridValues) else { return nil }
      let first = (min / quantum).rounded(.up)
      let last = (max / quantum).rounded(.down)
      return stride(from: first, through: last, by: 1).map { multiple($0, of: quantum) }
    case .normal, .logNormal: return nil
    }
  }

  private static let mostGridValues = 10_000

  /// A value near `value`: a number by a fifth larger or smaller, of a list the one beside it.
  func neighbor(of value: ParameterValue, using random: inout SeededRandom) -> ParameterValue {
    let goesUp = random.unit() < 0.5
    switch shape {
    case .categorical(let values, _):
      guard let place = values.firstIndex(of: value) else { return self.value(at: random.unit()) }
      return values[min(max(place + (goesUp ? 1 : -1), 0), values.count - 1)]
    case .integer:
      guard let number = value.double else { return self.value(at: random.unit()) }
      let scaled = (number * (goesUp ? 1.2 : 0.8)).rounded()
      return rounded(scaled == number ? number + (goesUp ? 1 : -1) : scaled)
    case .uniform, .logUniform, .normal, .logNormal:
      guard let number = value.double else { return self.value(at: random.unit()) }
      return rounded(number * (goesUp ? 1.2 : 0.8))
    }
  }

  private func quantile(_ unit: Double) -> Double { normalQuantile(min(max(unit, 1e-12), 1 - 1e-12)) }

  /// `number` within the bounds and, where there is a quantum, the multiple of it that is nearest.
  private func rounded(_ number: Double) -> ParameterValue {
    let bounds: ClosedRange<Double> =
      switch shape {
      case .integer(let min, let max): Double(min)...Double(max)
      case .uniform(let min, let max), .logUniform(let min, let max): min...max
      default: -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
      }
    func clamp(_ number: Double) -> Double { min(max(number, bounds.lowerBound), bounds.upperBound) }
    if case .integer(let min, let max) = shape {
      let step = quantum ?? 1
      let whole = (clamp(number) - Double(min)) / step
      let value = Double(min) + whole.rounded() * step
      // The upper end may be no multiple of the quantum from the lower one.
      return .integer(Swift.min(Int64(exactly: value > Double(max) ? value - step : value) ?? max, max))
    }
    guard let quantum else { return .number(clamp(number)) }
    var factor = (clamp(number) / quantum).rounded()
    if factor * quantum > bounds.upperBound { factor -= 1 }
    if factor * quantum < bounds.lowerBound { factor += 1 }
    return multiple(factor, of: quantum)
  }

  /// Whole where the quantum is; else without the digits that binary fractions leave behind, such as in 0.30000000000000004.
  private func multiple(_ factor: Double, of quantum: Double) -> ParameterValue {
    let value = factor * quantum
    if quantum == quantum.rounded(), let whole = Int64(exactly: value) { return .integer(whole) }
    let digits = 14 - (value == 0 ? 0 : log10(abs(value)).rounded(.up))
    let scale = pow(10, min(max(digits, 0), 300))
    let shortened = (value * scale).rounded() / scale
    return .number(shortened.isFinite ? shortened : value)
  }
}
