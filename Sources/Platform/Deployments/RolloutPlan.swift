import DeploymentStates

/// What is wanted of a deployment at a moment.
struct RolloutGoal: Hashable, Sendable {
  /// Replicas that serve.
  var replicas: Int
  /// The revision that serves now; nil: none has served yet.
  var stable: Int?
  /// The revision that is to serve.
  var target: Int
  /// The share of requests that the target gets beside the stable one; nil: it replaces it.
  var canaryPercent: Int?

  var withoutReplicas: RolloutGoal {
    var goal = self
    goal.replicas = 0
    return goal
  }
}

/// A step towards the goal.
enum RolloutStep: Hashable, Sendable {
  case start(revision: Int)
  case drain(replica: String)
  /// The target serves alone: it is the stable revision now.
  case complete
}

/// Replicas of a canary beside `replicas` stable ones: at least one, and no less than its share.
func canaryReplicas(of replicas: Int, percent: Int) -> Int { max(1, (replicas * percent + 99) / 100) }

/// The steps that can be taken now.
///
/// A rolling update with a surge of one and none unavailable: there is never more than one replica above the wanted
/// number, and a ready one is taken away only when that many others are ready. Going back is the same in the other
/// direction, so an update may be turned round at any point.
func rolloutSteps(_ goal: RolloutGoal, replicas: [ReplicaView]) -> [RolloutStep] {
  let live = replicas.filter { !$0.state.isLeaving }
  guard goal.replicas > 0 else {
    let steps = live.map { RolloutStep.drain(replica: $0.id) }
    return goal.stable != goal.target && live.isEmpty ? [.complete] : steps
  }
  if let percent = goal.canaryPercent, let stable = goal.stable, stable != goal.target {
    let wanted = [stable: goal.replicas, goal.target: canaryReplicas(of: goal.replicas, percent: percent)]
    var steps: [RolloutStep] = live.filter { wanted[$0.revision] == nil }.map { .drain(replica: $0.id) }
    for (revision, count) in wanted.sorted(by: { $0.key < $1.key }) {
      steps += level(live.filter { $0.revision == revision }, to: count, of: revision)
    }
    return steps
  }

  let new = live.filter { $0.revision == goal.target }
  let old = live.filter { $0.revision != goal.target }
  let readyNew = new.count(where: \.isReady)
  if old.isEmpty {
    let isDone = readyNew >= goal.replicas && goal.stable != goal.target
    return level(new, to: goal.replicas, of: goal.target) + (isDone ? [.complete] : [])
  }
  if readyNew >= goal.replicas { return old.map { .drain(replica: $0.id) } }

  var steps: [RolloutStep] = []
  var total = live.count
  // One that serves nobody is no loss.
  for replica in old where !replica.isReady {
    steps.append(.drain(replica: replica.id))
    total -= 1
  }
  var ready = live.count(where: \.isReady)
  for replica in old where replica.isReady && ready > goal.replicas {
    steps.append(.drain(replica: replica.id))
    ready -= 1
    total -= 1
  }
  let missing = min(goal.replicas - new.count, goal.replicas + 1 - total)
  return steps + (0..<max(missing, 0)).map { _ in .start(revision: goal.target) }
}

/// Steps that bring the replicas of one revision to a number.
private func level(_ replicas: [ReplicaView], to count: Int, of revision: Int) -> [RolloutStep] {
  if replicas.count <= count {
    return (0..<(count - replicas.count)).map { _ in .start(revision: revision) }
  }
  // Those that do not serve go first, of the others the youngest.
  let order = replicas.filter(\.isReady) + replicas.filter { !$0.isReady }
  return order.suffix(replicas.count - count).map { .drain(replica: $0.id) }
}

/// Whether an update is to be taken back: what it needs to go on has not become ready for too long.
/// - Parameter progressedAt: when it began, or last had a replica become ready; nanoseconds, as `now`.
func isOverdue(
  _ goal: RolloutGoal, replicas: [ReplicaView], progressedAt: Int64, deadlineSeconds: Int, now: Int64
) -> Bool {
  guard let stable = goal.stable, stable != goal.target, goal.replicas > 0 else { return false }
  let wanted = goal.canaryPercent.map { canaryReplicas(of: goal.replicas, percent: $0) } ?? goal.replicas
  let ready = replicas.count { $0.revision == goal.target && $0.isReady }
  return ready < wanted && now - progressedAt > Int64(deadlineSeconds) * 1_000_000_000
}
