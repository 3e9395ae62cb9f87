import ControlDatabase
import JobStates
import Linux

extension JobService {
  /// Those of the queue that wait for nothing but resources. One that waits for what will never be fails.
  func ready(_ queue: [Job]) async throws -> [Job] {
    var ready: [Job] = []
    var next = Int64.max
    let now = nanosecondsNow()
    let incomplete = incompleteGroups()
    for job in queue {
      if let group = job.request.group, incomplete.contains(group.id) {
        try await database.refuse(
          job.id, .groupIncomplete,
          detail:
            "its group can't start any more: of its \(group.members) jobs, which start together, one has ended before")
      } else if let time = job.notBefore, time > now {
        next = min(next, time)
      } else if try await dependenciesHold(job) {
        ready.append(job)
      }
    }
    wake(at: next)
    return ready
  }

  /// Groups that have never started, and never will: one of their jobs has ended, or is gone.
  private func incompleteGroups() -> Set<String> {
    var groups: [String: (present: Int, wanted: Int, hasStarted: Bool)] = [:]
    for job in [unfinished.queued, Array(unfinished.active.values)].joined() {
      guard let group = job.request.group else { continue }
      let before = groups[group.id] ?? (0, group.members, false)
      groups[group.id] = (before.present + 1, group.members, before.hasStarted || job.attempt > 0)
    }
    return Set(groups.filter { !$0.value.hasStarted && $0.value.present < $0.value.wanted }.keys)
  }

  private func dependenciesHold(_ job: Job) async throws -> Bool {
    for dependency in job.request.dependsOn ?? [] {
      guard let other = try await database.jobIfPresent(dependency.job) else {
        // What ended and was removed has ended.
        if dependency.condition == .any { continue }
        try await fail(job, "job \(dependency.job), which it waits for, was removed")
        return false
      }
      guard other.state.isTerminal else { return false }
      if dependency.condition == .ok, other.state != .succeeded {
        try await fail(job, "job \(other.name), which it waits for, ended as \(other.state.rawValue)")
        return false
      }
    }
    return true
  }

  private func fail(_ job: Job, _ detail: String) async throws {
    try await database.refuse(job.id, .dependencyFailed, detail: detail)
  }

  /// - Parameter time: nanoseconds since 1970; `Int64.max`: never.
  private func wake(at time: Int64) {
    alarm?.cancel()
    guard time < .max else { return }
    alarm = Task { [database] in
      try await Task.sleep(for: .nanoseconds(max(time - nanosecondsNow(), 0)))
      database.announceChange()
    }
  }
}
