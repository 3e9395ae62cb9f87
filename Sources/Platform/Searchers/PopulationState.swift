/// The members of a population and how good they are. Smaller is better.
///
/// M. Jaderberg et al.: Population Based Training of Neural Networks, 2017, without a barrier between generations, as in
/// Ray Tune: a member is compared with what the others had when they were looked at last.
struct PopulationState: Hashable, Sendable {
  private struct Member: Hashable {
    /// The trial that is this member now or was last; nil: it had none.
    var trial: Int?
    var isFree = true
    var lastLook: Int64 = 0
    /// At its last look; nil: it was not looked at yet.
    var score: Double?
    /// The trial that it goes on from next.
    var origin: Int?
  }

  private let rule: SearchSpecification.Population
  private var members: [Member]

  init(_ rule: SearchSpecification.Population) {
    self.rule = rule
    members = Array(repeating: Member(), count: rule.size)
  }

  /// A member that waits for a trial.
  var freeMember: Int? { members.firstIndex { $0.isFree } }

  /// The trial whose checkpoint a free member goes on from; nil: from nothing.
  func origin(for member: Int) -> Int? { members[member].origin }

  mutating func begin(_ member: Int, trial: Int, time: Int64) {
    members[member].trial = trial
    members[member].isFree = false
    members[member].lastLook = rule.timeGoesOn ? time : 0
    members[member].origin = nil
  }

  /// - Returns: whether the member is among the bad and is to go on from a good one.
  mutating func report(_ value: Double, at time: Int64, of trial: Int, member: Int, seed: UInt64) -> Bool {
    guard members[member].trial == trial, time - members[member].lastLook >= rule.interval else { return false }
    members[member].lastLook = time
    members[member].score = value
    let ranked = members.indices.filter { members[$0].score != nil && members[$0].trial != nil }
      .sorted { (members[$0].score ?? 0, $0) < (members[$1].score ?? 0, $1) }
    let count = min(Int((Double(ranked.count) * rule.fraction).rounded(.up)), ranked.count / 2)
    guard count > 0, ranked.suffix(count).contains(member) else { return false }
    // A stream that no trial's parameters are drawn from.
    var random = SeededRandom(seed: ~seed, stream: trial &* 1_000_003 &+ Int(truncatingIfNeeded: time))
    members[member].origin = members[ranked[random.index(below: count)]].trial
    return true
  }

  /// - Parameter isReplaced: whether a trial comes after it.
  mutating func end(_ member: Int, isReplaced: Bool) {
    members[member].isFree = isReplaced
    if isReplaced, members[member].origin == nil {
      // Its program failed: the best of the others is where it goes on, where there is one.
      members[member].score = nil
      let best = members.filter { $0.score?.isFinite ?? false }.min { ($0.score ?? 0) < ($1.score ?? 0) }
      members[member].origin = best?.trial
    }
  }
}
