/// How many replicas the requests in flight call for.
///
/// More at once: the average of the last 6 s counts, so a burst is met in seconds and a single slow request is no
/// burst. Fewer with patience: only when the most that was called for within the idle time is less. The short
/// window is Knative's panic window.
struct Autoscaler: Sendable {
  private struct Sample {
    /// Seconds of any clock that goes forward.
    let time: Double
    let inFlight: Int
    /// What was called for then.
    let wanted: Int
  }

  static let window = 6.0

  var scaling: Scaling
  private var samples: [Sample] = []
  private let began: Double

  /// - Parameter now: seconds of a clock that goes forward, as in all calls.
  init(_ scaling: Scaling, now: Double) {
    self.scaling = scaling
    began = now
  }

  /// Takes note of the requests in flight, those that wait and are held included.
  mutating func observe(inFlight: Int, now: Double) {
    let recent = samples.filter { $0.time > now - Self.window }
    let sum = recent.reduce(Double(inFlight)) { $0 + Double($1.inFlight) }
    let average = sum / Double(recent.count + 1)
    var wanted = Int((average / scaling.targetInFlight).rounded(.up))
    // Whoever waits gets a replica at once.
    if inFlight > 0 { wanted = max(wanted, 1) }
    samples.append(Sample(time: now, inFlight: inFlight, wanted: wanted))
    samples.removeAll { $0.time < now - max(Double(scaling.idleSeconds), Self.window) }
  }

  /// How many there should be, given how many are wanted now.
  func replicas(current: Int, now: Double) -> Int {
    let most = samples.map(\.wanted).max() ?? 0
    let wanted = samples.last.map { max($0.wanted, 0) } ?? 0
    var count = max(current, wanted)
    // Nothing is known of the time before the first sample: fewer only after a whole window.
    if now - began >= Double(scaling.idleSeconds) { count = max(most, wanted) }
    return min(max(count, scaling.minimum), scaling.maximum)
  }
}
