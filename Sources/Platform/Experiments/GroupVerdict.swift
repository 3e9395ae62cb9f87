import ExperimentFiles
import JobStates

/// What follows for a group from where its replicas are.
enum GroupVerdict: Hashable, Sendable {
  /// They go on.
  case wait
  /// Those that have not ended are to stop.
  case stop
  case succeeded
  /// This replica was the first that did not succeed.
  case failed(rank: Int)
  /// Somebody stopped it, or one of its jobs.
  case stopped

  struct ReplicaEnd: Hashable, Sendable {
    var state: JobState
    /// Nanoseconds since 1970; nil: it has not ended.
    var endedAt: Int64?
  }

  /// - Parameters:
  ///   - replicas: by rank.
  ///   - isStopping: whether somebody asked for the group to stop.
  static func decide(_ replicas: [ReplicaEnd], success: ReplicaGroup.Success, isStopping: Bool) -> GroupVerdict {
    let areOver = replicas.allSatisfy { $0.state.isTerminal }
    if isStopping { return areOver ? .stopped : .stop }
    let hasSucceeded =
      switch success {
      case .all: areOver && replicas.allSatisfy { $0.state == .succeeded }
      case .first: replicas.first?.state == .succeeded
      }
    if hasSucceeded { return areOver ? .succeeded : .stop }
    let bad = replicas.indices.filter { replicas[$0].state.isTerminal && replicas[$0].state != .succeeded }
    // Those that came after were stopped because of the first.
    guard let first = bad.min(by: { (replicas[$0].endedAt ?? 0, $0) < (replicas[$1].endedAt ?? 0, $1) }) else {
      return .wait
    }
    if !areOver { return .stop }
    return replicas[first].state == .stopped ? .stopped : .failed(rank: first)
  }
}
