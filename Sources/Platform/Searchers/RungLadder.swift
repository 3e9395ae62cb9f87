/// A bracket's rungs and the values that trials had at them. Smaller is better.
struct RungLadder: Hashable, Sendable {
  let rungs: [Int64]
  let divisor: Double
  /// Of each rung, ascending.
  private(set) var values: [[Double]]
  /// The rung that each trial comes to next.
  private var next: [Int: Int] = [:]
  /// How many trials it was given.
  var trials = 0

  init(rungs: [Int64], divisor: Double) {
    self.rungs = rungs
    self.divisor = divisor
    values = rungs.map { _ in [] }
  }

  /// Takes note of a trial's value at a time.
  /// - Returns: whether the trial is worth going on with: at each rung that it came to it is among the best,
  ///   one of `divisor`, of those that came before.
  mutating func report(_ value: Double, at time: Int64, of trial: Int) -> Bool {
    while let rung = nextRung(of: trial), time >= rungs[rung] {
      next[trial] = rung + 1
      let place = insert(value, rung)
      let most = max(Int(Double(values[rung].count) / divisor), 1)
      if place >= most { return false }
    }
    return true
  }

  /// A trial that failed counts as the worst at the rung that it would have come to.
  mutating func fail(_ trial: Int) {
    guard let rung = nextRung(of: trial) else { return }
    next[trial] = rungs.count
    _ = insert(.infinity, rung)
  }

  private func nextRung(of trial: Int) -> Int? {
    let rung = next[trial] ?? 0
    return rung < rungs.count ? rung : nil
  }

  private mutating func insert(_ value: Double, _ rung: Int) -> Int {
    var (low, high) = (0, values[rung].count)
    while low < high {
      let middle = (low + high) / 2
      if values[rung][middle] < value { low = middle + 1 } else { high = middle }
    }
    values[rung].insert(value, at: low)
    return low
  }
}
