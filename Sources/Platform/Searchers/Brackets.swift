/// How adaptive ASHA spreads trials over brackets, as Determined does.
public enum BracketMode: String, CaseIterable, Codable, Sendable {
  /// Every number of rungs: some trials are compared early and often, some late and seldom.
  case conservative
  /// The upper half of the numbers of rungs.
  case standard
  /// The most rungs only.
  case aggressive
}

extension SearchSpecification.Stopping {
  /// One bracket of asynchronous successive halving.
  ///
  /// L. Li et al.: A System for Massively Parallel Hyperparameter Tuning, MLSys 2020; the variant that stops trials
  /// instead of pausing them.
  public static func asha(maxTime: Int64, divisor: Double = 4, maxRungs: Int = 5) -> Self {
    .rungs([.init(rungs: rungs(maxRungs, maxTime: maxTime, divisor: divisor), trials: nil)], divisor: divisor)
  }

  /// Several brackets side by side, for metrics whose early values mislead.
  public static func adaptiveASHA(
    maxTime: Int64, maxTrials: Int, divisor: Double = 4, maxRungs: Int = 5, mode: BracketMode = .standard
  ) -> Self {
    let most = min(
      maxRungs, wholeLogarithm(Double(maxTime), base: divisor) + 1, wholeLogarithm(Double(maxTrials), base: divisor) + 1
    )
    let counts: [Int] =
      switch mode {
      case .conservative: Array((1...max(most, 1)).reversed())
      case .standard: Array(((max(most, 1) - 1) / 2 + 1...max(most, 1)).reversed())
      case .aggressive: [max(most, 1)]
      }
    let weights = counts.map { count in
      (0..<(count - 1)).reduce(1.0) { product, _ in product * divisor } / Double(count)
    }
    let total = weights.reduce(0, +)
    var shares = weights.map { max(Int($0 / total * Double(maxTrials)), 1) }
    // What rounding left over goes to the first, which has the most.
    shares[0] = max(shares[0] + maxTrials - shares.reduce(0, +), 1)
    return .rungs(
      zip(counts, shares).map { .init(rungs: rungs($0, maxTime: maxTime, divisor: divisor), trials: $1) },
      divisor: divisor)
  }

  /// The bands of Weights & Biases' `early_terminate`, upwards from the first.
  public static func hyperband(minTime: Int64, divisor: Double = 3, count: Int = 10) -> Self {
    var rungs: [Int64] = []
    var time = Double(minTime)
    while rungs.count < max(count, 1), time < 1e15 {
      rungs.append(Int64(time))
      time *= divisor
    }
    return .rungs([.init(rungs: rungs, trials: nil)], divisor: divisor)
  }

  /// The same, downwards from the end of a trial, which is no band.
  public static func hyperband(maxTime: Int64, divisor: Double = 3, count: Int) -> Self {
    var rungs: Set<Int64> = []
    var time = Double(maxTime)
    for _ in 0..<max(count, 1) {
      time /= divisor
      if time < 1 { break }
      rungs.insert(Int64(time))
    }
    return .rungs([.init(rungs: rungs.sorted(), trials: nil)], divisor: divisor)
  }

  /// `maxTime` divided again and again, ascending, without itself: a trial that got there is at its end.
  private static func rungs(_ count: Int, maxTime: Int64, divisor: Double) -> [Int64] {
    var rungs: Set<Int64> = []
    var time = Double(maxTime)
    for _ in 1..<max(count, 1) {
      time /= divisor
      rungs.insert(max(Int64(time), 1))
    }
    rungs.remove(maxTime)
    return rungs.sorted()
  }

  private static func wholeLogarithm(_ number: Double, base: Double) -> Int {
    var rest = number
    var count = 0
    while rest >= base, count < 64 {
      rest /= base
      count += 1
    }
    return count
  }
}
