/// Whether and when another server is started after one has failed. Times are seconds of a clock that only goes
/// forward.
struct RestartPolicy {
  enum Failure {
    /// It died while it served, or was about to.
    case death
    /// It could not take the mount over, and said so.
    case takeover
  }

  /// So many failures within so many seconds are borne.
  let limit: Int
  let window: Int
  private var failures: [(kind: Failure, time: Int)] = []

  private static let longestDelay = 16

  init(limit: Int, window: Int) {
    self.limit = limit
    self.window = window
  }

  /// Failures within the window.
  var count: Int { failures.count }

  /// Seconds until another server is to be started: none after a death, for programs wait; more with each takeover in
  /// vain, for the disk may take a while to come back. nil: there were too many failures.
  mutating func delay(after kind: Failure, at now: Int) -> Int? {
    failures = failures.filter { now - $0.time < window } + [(kind, now)]
    if failures.count > limit { return nil }
    guard kind == .takeover else { return 0 }
    let inVain = failures.count { $0.kind == .takeover }
    return min(Self.longestDelay, 1 << min(inVain - 1, 8))
  }
}
