import JobStates

/// Jobs of the queue that start together: a group, or a job alone.
struct Candidate {
  /// The place in the queue of the first.
  let first: Int
  /// The places of the others.
  var others: [Int] = []

  var members: [Int] { [first] + others }
}

extension SchedulerInput {
  /// How long a job is taken to run when projects are weighed against each other, in seconds. It decides how their jobs
  /// alternate in the queue, not how much each gets in the end: that is what they have really used.
  private static var nominalSeconds: Double { 3600 }

  /// The queue in the order in which its jobs' turns come: by priority, then fair share, then submission.
  ///
  /// Fair share: each job is due when its project would have used as much as the jobs before it need, added to what the
  /// project has used and now holds. So a project that used nothing goes first, and two alike take turns.
  /// (Virtual finish times, as in weighted fair queueing.)
  func candidatesInOrder(_ table: ProjectTable) -> [Candidate] {
    var used = table.accounts.map { $0.usage.hostSeconds(on: host) }
    for (index, job) in running.enumerated() { used[table.ofRunning[index]] += nominal(job.need) }
    var due = [Double](repeating: 0, count: queue.count)
    for priority in JobPriority.allCases {
      for index in queue.indices where queue[index].priority == priority {
        let project = table.ofQueue[index]
        used[project] += nominal(queue[index].need)
        due[index] = used[project]
      }
    }
    var turns: [Turn] = []
    turns.reserveCapacity(queue.count)
    var groups: [String: [Int]] = [:]
    for index in queue.indices {
      // A group's turn is its first member's: what it needs in all is charged to its project's later jobs.
      if let group = queue[index].group {
        groups[group.id, default: []].append(index)
        if groups[group.id]?.count != 1 { continue }
      }
      turns.append(
        Turn(priority: queue[index].priority, due: due[index], sequence: queue[index].sequence, place: index))
    }
    turns.sort()
    return turns.map { turn in
      guard let group = queue[turn.place].group else { return Candidate(first: turn.place) }
      return Candidate(first: turn.place, others: Array((groups[group.id] ?? []).dropFirst()))
    }
  }

  private struct Turn: Comparable {
    let priority: JobPriority
    let due: Double
    let sequence: Int64
    let place: Int

    static func < (left: Turn, right: Turn) -> Bool {
      if left.priority != right.priority { return left.priority < right.priority }
      return left.due != right.due ? left.due < right.due : left.sequence < right.sequence
    }
  }

  private func nominal(_ need: ResourceNeed) -> Double {
    Usage(
      gpuSeconds: Double(need.gpus.milliGPUs) / 1000 * Self.nominalSeconds,
      cpuSeconds: Double(need.takenMilliCPUs) / 1000 * Self.nominalSeconds
    ).hostSeconds(on: host)
  }
}
