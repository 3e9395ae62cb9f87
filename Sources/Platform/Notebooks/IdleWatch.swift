/// Decides when a notebook has been idle for long enough, or has run for long enough.
///
/// A notebook is idle when no kernel is busy, no kernel or terminal has had anything to do for a while, and its
/// processors and GPUs have been quiet for as long. What goes over the network does not count: an open browser tab is no
/// work, and a kernel that computes without printing is.
struct IdleWatch: Equatable, Sendable {
  /// What was seen at one time. What could not be found out is nil.
  struct Observation: Sendable {
    /// Nanoseconds since 1970, as are all times here.
    var time: Int64
    var server: JupyterActivity?
    /// Of one processor, since the observation before.
    var processorShare: Double?
    /// The busiest one's, 0 to 100.
    var gpuPercent: Double?
  }

  enum Verdict: Equatable, Sendable {
    case goOn
    /// It is stopped in so many seconds, unless it is used.
    case warn(Cause, seconds: Int)
    case stop(Cause)
  }

  enum Cause: Equatable, Sendable {
    case idle, lifetime
  }

  /// A server with an open tab, which asks for news every few seconds, takes some hundredths of a processor.
  static let quietProcessorShare = 0.2
  static let quietGPUPercent = 5.0
  /// A warning comes so long before the end, or when four fifths of the time are over.
  private static let warningSeconds = 600

  let startedAt: Int64
  /// nil: for ever, as in the next.
  let idleSeconds: Int?
  let lifetimeSeconds: Int?
  /// When it did something last.
  private(set) var lastActive: Int64

  /// - Parameter now: what was before is not known.
  init(startedAt: Int64, now: Int64, idleSeconds: Int?, lifetimeSeconds: Int?) {
    self.startedAt = startedAt
    self.idleSeconds = idleSeconds
    self.lifetimeSeconds = lifetimeSeconds
    lastActive = now
  }

  mutating func note(_ observation: Observation) {
    let isComputing =
      observation.server?.isBusy ?? false || observation.processorShare ?? 0 >= Self.quietProcessorShare
      || observation.gpuPercent ?? 0 >= Self.quietGPUPercent
    if isComputing { lastActive = max(lastActive, observation.time) }
    if let claimed = observation.server?.lastActivity {
      // The clock is the server's own word: it can't be active in the future.
      lastActive = max(lastActive, min(claimed, observation.time))
    }
  }

  /// Somebody did something that is no computing.
  mutating func noteUse(at time: Int64) { lastActive = max(lastActive, time) }

  func verdict(now: Int64) -> Verdict {
    var verdict = Verdict.goOn
    for (cause, limit, since) in [(Cause.lifetime, lifetimeSeconds, startedAt), (.idle, idleSeconds, lastActive)] {
      guard let limit else { continue }
      // Where the clock was set back, it begins anew.
      let left = limit - Int(max(now - since, 0) / 1_000_000_000)
      if left <= 0 { return .stop(cause) }
      if left <= min(Self.warningSeconds, limit / 5) {
        if case .warn(_, let before) = verdict, before <= left { continue }
        verdict = .warn(cause, seconds: left)
      }
    }
    return verdict
  }
}
