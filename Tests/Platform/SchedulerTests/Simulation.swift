import JobStates
import Scheduler

/// Runs a trace against the scheduler, and checks after each pass what must always be so. It keeps its own books.
struct Simulation {
  struct Fault: Error, CustomStringConvertible { let description: String }

  private let host: Host
  private let keepsOrder: Bool
  private let grace = 30 * second
  private var arrivals: ArraySlice<TraceJob>
  private var jobs: [String: TraceJob] = [:]
  private var queue: [WaitingJob] = []
  private var running: [RunningJob] = []
  private var ends: [String: Int64] = [:]
  private var now: Int64 = 0
  private var promise: (job: String, by: Int64?)?

  private(set) var finished = 0
  private(set) var preemptions = 0
  private(set) var backfilled = 0
  private(set) var longestQueue = 0
  private(set) var waits: [Int64] = []
  /// GPU-seconds that jobs had, and that there were, until the last job arrived.
  private(set) var used = 0.0
  private(set) var offered = 0.0

  /// - Parameter keepsOrder: whether no job comes that goes before others: then a promise to the first is never broken.
  init(host: Host, trace: [TraceJob], keepsOrder: Bool) {
    self.host = host
    self.keepsOrder = keepsOrder
    arrivals = trace.sorted { ($0.arrival, $0.job.sequence) < ($1.arrival, $1.job.sequence) }[...]
    for job in trace { jobs[job.job.id] = job }
  }

  mutating func run() throws {
    while let next = [arrivals.first?.arrival, ends.values.min()].compactMap({ $0 }).min() {
      if !arrivals.isEmpty {
        let busy = running.reduce(0) { $0 + $1.need.gpus.milliGPUs }
        used += Double(busy) / 1000 * Double(next - now) / 1e9
        offered += Double(host.gpus.count) * Double(next - now) / 1e9
      }
      now = next
      finishJobs()
      while let job = arrivals.first, job.arrival <= now {
        queue.append(job.job)
        arrivals.removeFirst()
      }
      try pass()
    }
    if !queue.isEmpty { throw Fault(description: "\(queue.count) jobs never started, the first \(queue[0].id)") }
  }

  private mutating func finishJobs() {
    for job in running where ends[job.id]! <= now {
      ends[job.id] = nil
      if job.isStopping {
        jobs[job.id]!.duration -= max(now - job.startedAt, 0)
        let place = queue.firstIndex { $0.sequence > jobs[job.id]!.job.sequence } ?? queue.count
        queue.insert(jobs[job.id]!.job, at: place)
      } else {
        finished += 1
      }
    }
    running.removeAll { ends[$0.id] == nil }
  }

  private mutating func pass() throws {
    longestQueue = max(longestQueue, queue.count)
    let input = SchedulerInput(host: host, running: running, queue: queue, now: now, grace: grace)
    let decision = schedule(input)
    let first = queue.first?.sequence
    for unit in decision.starts { try start(unit, first: first) }
    for victim in decision.preemptions { try preempt(victim) }
    try checkBooks()
    try checkNothingIdles(decision)
    try checkPromise(decision)
    let told = decision.starts.joined().count + decision.waiting.count
    if told != input.queue.count { throw Fault(description: "\(told) of \(input.queue.count) jobs were decided on") }
  }

  private mutating func start(_ unit: [JobStart], first: Int64?) throws {
    let group = jobs[unit[0].job]!.job.group
    guard unit.count == group?.members ?? 1, unit.allSatisfy({ jobs[$0.job]!.job.group == group }) else {
      throw Fault(description: "\(unit.map(\.job)) start together, but the group has \(group?.members ?? 1) jobs")
    }
    for start in unit {
      guard let place = queue.firstIndex(where: { $0.id == start.job }) else {
        throw Fault(description: "\(start.job) starts, but is not in the queue")
      }
      let job = queue.remove(at: place)
      if job.sequence != first { backfilled += 1 }
      waits.append(now - jobs[job.id]!.arrival)
      ends[job.id] = now + jobs[job.id]!.duration
      running.append(
        RunningJob(
          id: job.id, project: job.project, priority: job.priority, need: job.need, slots: start.slots, startedAt: now,
          endsBy: job.timeLimit.map { now + $0 }, group: job.group?.id))
    }
  }

  private mutating func preempt(_ victim: String) throws {
    guard let place = running.firstIndex(where: { $0.id == victim }), running[place].priority == .preemptible,
      !running[place].isStopping
    else { throw Fault(description: "\(victim) was preempted") }
    preemptions += 1
    // It has the grace period to write a checkpoint, and may end by itself before.
    guard ends[victim]! > now + grace else { return }
    running[place].isStopping = true
    running[place].endsBy = now + grace
    ends[victim] = now + grace
  }

  // MARK: What must always be so

  private func checkBooks() throws {
    var holders: [DeviceSlot: String] = [:]
    var divided: [String: Int] = [:]
    for job in running {
      for slot in job.slots {
        if let other = holders.updateValue(job.id, forKey: slot) {
          throw Fault(description: "\(slot) is held by \(job.id) and \(other)")
        }
        if divided.updateValue(slot.shards, forKey: slot.device) ?? slot.shards != slot.shards {
          throw Fault(description: "\(slot.device) is divided in two ways")
        }
        guard slot.shard < slot.shards, host.gpus.contains(where: { $0.uuid == slot.device }) else {
          throw Fault(description: "\(job.id) holds \(slot), which there is not")
        }
      }
      let expected: Int
      switch job.need.gpus {
      case .none: expected = 0
      case .whole(let count): expected = count
      case .share(let share):
        expected = share.shards
        guard Set(job.slots.map(\.device)).count == 1 else { throw Fault(description: "\(job.id) is on two GPUs") }
      case .instance: expected = 1
      }
      guard job.slots.count == expected else { throw Fault(description: "\(job.id) got \(job.slots)") }
    }
    let cpus = running.reduce(0) { $0 + ($1.need.milliCPUs ?? 0) }
    let memory = running.reduce(0) { $0 + $1.need.memoryBytes }
    if cpus > host.milliCPUs || memory > host.memoryBytes {
      throw Fault(description: "\(cpus) processors and \(memory) bytes are taken")
    }
  }

  /// Whoever would fit, and delay nobody, runs. Counted anew from who runs.
  private func checkNothingIdles(_ decision: SchedulerDecision) throws {
    var divided: [String: Set<DeviceSlot>] = [:]
    for job in running { for slot in job.slots { divided[slot.device, default: []].insert(slot) } }
    let freeGPUs = host.gpus.count - divided.count
    let freeCPUs = host.milliCPUs - running.reduce(0) { $0 + $1.need.takenCPUs }
    let freeMemory = host.memoryBytes - running.reduce(0) { $0 + $1.need.memoryBytes }
    for job in queue where job.group == nil {
      let fitsGPUs =
        switch job.need.gpus {
        case .none: true
        case .whole(let count): count <= freeGPUs
        case .share(let share):
          freeGPUs > 0
            || divided.values.contains { slots in
              slots.first!.shards == share.of && slots.count + share.shards <= share.of
            }
        case .instance: false
        }
      guard fitsGPUs, job.need.takenCPUs <= freeCPUs, job.need.memoryBytes <= freeMemory else { continue }
      guard let reservation = decision.reservation else { throw Fault(description: "\(job.id) fits and waits") }
      guard let limit = job.timeLimit else { continue }
      if let by = reservation.by, now + limit > by { continue }
      throw Fault(description: "\(job.id) fits, would end before \(reservation) and waits")
    }
  }

  private mutating func checkPromise(_ decision: SchedulerDecision) throws {
    defer { promise = decision.reservation }
    guard keepsOrder, let promise, let by = promise.by, queue.contains(where: { $0.id == promise.job }) else { return }
    guard let kept = decision.reservation, kept.job == promise.job, let newBy = kept.by, newBy <= by else {
      throw Fault(description: "\(promise) was promised, and now it is \(decision.reservation as Any)")
    }
  }
}

extension ResourceNeed {
  fileprivate var takenCPUs: Int { milliCPUs ?? 1000 }
}
