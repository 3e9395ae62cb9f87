/// Projects by number: a long queue looks them up often.
struct ProjectTable {
  /// The project of each job in the queue.
  private(set) var ofQueue: [Int] = []
  /// The project of each running job.
  private(set) var ofRunning: [Int] = []
  private(set) var accounts: [ProjectAccount] = []

  init(_ input: SchedulerInput) {
    var known: [String: Int] = [:]
    ofRunning = input.running.map { number($0.project, &known, input) }
    ofQueue = input.queue.map { number($0.project, &known, input) }
  }

  private mutating func number(_ project: String, _ known: inout [String: Int], _ input: SchedulerInput) -> Int {
    if let number = known[project] { return number }
    known[project] = accounts.count
    accounts.append(input.projects[project] ?? ProjectAccount())
    return accounts.count - 1
  }
}

/// What projects hold, and may hold.
struct ProjectHoldings {
  private var jobs: [Int]
  private var milliGPUs: [Int]
  private let quotas: [ProjectQuota]

  init(_ input: SchedulerInput, _ table: ProjectTable) {
    quotas = table.accounts.map(\.quota)
    jobs = [Int](repeating: 0, count: quotas.count)
    milliGPUs = jobs
    for (index, job) in input.running.enumerated() { add(job.need, project: table.ofRunning[index]) }
  }

  mutating func add(_ need: ResourceNeed, project: Int) {
    jobs[project] += 1
    milliGPUs[project] += need.gpus.milliGPUs
  }

  /// Why the project may not have these too; nil: it may.
  func exceeded(byJobs count: Int, milliGPUs needed: Int, project: Int) -> WaitReason? {
    if let running = quotas[project].running, jobs[project] + count > running {
      return .quota(.running, used: jobs[project], needed: count, limit: running)
    }
    if let gpus = quotas[project].gpus, needed > 0, milliGPUs[project] + needed > gpus * 1000 {
      return .quota(.gpus, used: milliGPUs[project], needed: needed, limit: gpus * 1000)
    }
    return nil
  }
}
