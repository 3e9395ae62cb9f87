/// Curves of trials, for the median stopping rule: a trial is stopped whose best value so far is worse than the median of
/// what those that succeeded had on average by then. Smaller is better.
///
/// D. Golovin et al.: Google Vizier: A Service for Black-Box Optimization, KDD 2017, section 3.2.
struct MedianCurves: Hashable, Sendable {
  private struct Curve: Hashable {
    var best = Double.infinity
    var sum = 0.0
    var count = 0
    /// The average of all values up to the n-th interval.
    var averages: [Double] = []
  }

  private let rule: SearchSpecification.MedianRule
  private var curves: [Int: Curve] = [:]
  private var succeeded: [Int] = []
  /// Intervals of which averages are kept: trials that are longer are not compared beyond.
  private static let mostIntervals = 10_000

  init(_ rule: SearchSpecification.MedianRule) { self.rule = rule }

  /// - Returns: whether the trial is worth going on with.
  mutating func report(_ value: Double, at time: Int64, of trial: Int) -> Bool {
    var curve = curves[trial] ?? Curve()
    defer { curves[trial] = curve }
    curve.best = min(curve.best, value)
    if value.isFinite {
      curve.sum += value
      curve.count += 1
    }
    let interval = time / rule.interval
    guard interval > 0, interval <= Int64(Self.mostIntervals) else { return true }
    let isNew = curve.averages.count < Int(interval)
    let average = curve.count == 0 ? .infinity : curve.sum / Double(curve.count)
    while curve.averages.count < Int(interval) { curve.averages.append(average) }
    guard isNew, time > rule.warmupTime, succeeded.count >= rule.startupTrials,
      let median = median(at: Int(interval))
    else { return true }
    return curve.best <= median
  }

  mutating func succeed(_ trial: Int) {
    if curves[trial] != nil { succeeded.append(trial) }
  }

  private func median(at interval: Int) -> Double? {
    let values = succeeded.compactMap { trial -> Double? in
      guard let averages = curves[trial]?.averages, averages.count >= interval else { return nil }
      return averages[interval - 1]
    }.sorted()
    guard !values.isEmpty else { return nil }
    let middle = values.count / 2
    return values.count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
  }
}
