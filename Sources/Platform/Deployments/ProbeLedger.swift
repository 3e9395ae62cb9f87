/// Keeps the results of a replica's probes, and says what they mean.
struct ProbeLedger: Hashable, Sendable {
  enum Verdict: Hashable, Sendable {
    /// Nothing new.
    case unchanged
    case ready
    case unready
    /// It must be started again; a sentence says why.
    case dead(String)
  }

  let probes: Probes
  private(set) var isReady: Bool
  private var hasBeenReady: Bool
  private var readinessFailures = 0
  private var livenessFailures = 0

  /// - Parameter isReady: it was, when an earlier daemon looked.
  init(_ probes: Probes, isReady: Bool) {
    self.probes = probes
    self.isReady = isReady
    hasBeenReady = isReady
  }

  /// What is asked next: liveness counts once it has been ready.
  var asksLiveness: Bool { hasBeenReady && probes.liveness != probes.readiness }

  /// - Parameters:
  ///   - readiness: what was wrong; nil: it is ready.
  ///   - liveness: what was wrong; nil: it lives, or was not asked.
  ///   - secondsSinceStart: of its container.
  mutating func note(readiness: String?, liveness: String?, secondsSinceStart: Double) -> Verdict {
    if let fault = readiness {
      readinessFailures += 1
      if !hasBeenReady {
        return secondsSinceStart > Double(probes.startupSeconds)
          ? .dead("it was not ready within \(probes.startupSeconds) s: \(fault)") : .unchanged
      }
    } else {
      readinessFailures = 0
    }
    // Where one check says both, its failures count for both.
    if liveness != nil || (probes.liveness == probes.readiness && readiness != nil) {
      livenessFailures += 1
    } else {
      livenessFailures = 0
    }
    // Three times as patient as readiness: a restart costs more than a pause.
    if livenessFailures >= probes.failures * 3 {
      return .dead("\(livenessFailures) liveness probes failed in a row: \(liveness ?? readiness ?? "")")
    }
    if readiness == nil && !isReady {
      (isReady, hasBeenReady) = (true, true)
      return .ready
    }
    if isReady && readinessFailures >= probes.failures {
      isReady = false
      return .unready
    }
    return .unchanged
  }
}

/// The pause before a replica that has ended `restarts` times in a row is started again: 1 s, doubled each time, five
/// minutes at most.
func restartPause(after restarts: Int) -> Int {
  restarts < 1 ? 0 : min(1 << min(restarts - 1, 9), 300)
}

/// A replica that was ready for so long is no part of a crash loop when it ends.
let steadySeconds: Int64 = 60
