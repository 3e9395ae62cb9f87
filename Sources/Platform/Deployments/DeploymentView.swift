import DeploymentStates

/// What is known of a replica where decisions are made.
struct ReplicaView: Hashable, Sendable {
  var id: String
  var revision: Int
  var state: ReplicaState
  /// Whether it has ended by itself and was not ready since.
  var hasCrashed = false

  var isReady: Bool { state == .ready }
  /// Also while it is being started again.
  var isCrashing: Bool { state == .crashLoop || (hasCrashed && !state.isLeaving) }
}

/// How a deployment is, from what is wanted and what there is.
/// - Parameters:
///   - wanted: replicas of the target revision.
///   - isRollingOut: the target has not replaced what was before.
///   - wasRolledBack: the last update was taken back.
func deploymentState(
  replicas: [ReplicaView], wanted: Int, target: Int, isRollingOut: Bool, wasRolledBack: Bool
) -> DeploymentState {
  let live = replicas.filter { !$0.state.isLeaving }
  let ready = live.count { $0.isReady && $0.revision == target }
  if wanted == 0 { return live.isEmpty ? .scaledToZero : .progressing }
  if !isRollingOut && ready >= wanted { return wasRolledBack ? .rolledBack : .available }
  let crashing = live.contains { $0.isCrashing && $0.revision == target }
  let serving = live.contains(where: \.isReady)
  if crashing && !serving { return .failed }
  if isRollingOut { return .progressing }
  if crashing || live.contains(where: { $0.state == .unready }) { return serving ? .degraded : .failed }
  return .progressing
}
