import JobStates

/// Jobs of the queue that start together: a group, or a job alone.
struct Candidate {
  /// Their places in the queue.
  let members: [Int]
  /// How many there must be.
  let wanted: Int
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
  func candidatesInOrder() -> [Candidate] {
    var dues = projectNumbers()
    var due = [Double](repeating: 0, count: queue.count)
    for priority in JobPriority.allCases {
      for index in queue.indices where queue[index].priority == priority {
        let project = dues.numbers[index]
        dues.used[project] += nominal(queue[index].need)
        due[index] = dues.used[project]
      }
    }
    var candidates: [Candidate] = []
    var groups: [String: [Int]] = [:]
    for index in queue.indices {
      guard let group = queue[index].group else {
        candidates.append(Candidate(members: [index], wanted: 1))
        continue
      }
      groups[group.id, default: []].append(index)
    }
    for members in groups.values {
      candidates.append(Candidate(members: members, wanted: queue[members[0]].group?.members ?? members.count))
    }
    // A group's turn is its first member's: what it needs in all is charged to its project's later jobs.
    return candidates.map { (key: Turn(queue[$0.members[0]], due: due[$0.members[0]]), candidate: $0) }
      .sorted { $0.key < $1.key }.map(\.candidate)
  }

  private struct Turn: Comparable {
    let priority: JobPriority
    let due: Double
    let sequence: Int64

    init(_ job: WaitingJob, due: Double) {
      priority = job.priority
      self.due = due
      sequence = job.sequence
    }

    static func < (left: Turn, right: Turn) -> Bool {
      if left.priority != right.priority { return left.priority < right.priority }
      return left.due != right.due ? left.due < right.due : left.sequence < right.sequence
    }
  }

  /// For each job of the queue its project's number, and what each project has used and holds.
  private func projectNumbers() -> (numbers: [Int], used: [Double]) {
    var known: [String: Int] = [:]
    var used: [Double] = []
    func number(_ project: String) -> Int {
      if let number = known[project] { return number }
      known[project] = used.count
      used.append(projects[project]?.usage.hostSeconds(on: host) ?? 0)
      return used.count - 1
    }
    let numbers = queue.map { number($0.project) }
    for job in running { used[number(job.project)] += nominal(job.need) }
    return (numbers, used)
  }

  private func nominal(_ need: ResourceNeed) -> Double {
    Usage(
      gpuSeconds: Double(need.gpus.milliGPUs) / 1000 * Self.nominalSeconds,
      cpuSeconds: Double(need.takenMilliCPUs) / 1000 * Self.nominalSeconds
    ).hostSeconds(on: host)
  }
}
