import JobStates

/// One pass over the queue; see ``schedule(_:)``.
struct SchedulingPass {
  private let input: SchedulerInput
  /// What is free now.
  private var pool: Pool
  private var accounts: ProjectHoldings
  private var reservation: Reservation?
  private var waitingJobs = 0
  private(set) var decision = SchedulerDecision()

  init(_ input: SchedulerInput) {
    self.input = input
    pool = Pool(input.host)
    for job in input.running { pool.take(job.need, job.slots) }
    accounts = ProjectHoldings(input)
    decision.waiting.reserveCapacity(input.queue.count)
  }

  mutating func consider(_ candidate: Candidate) {
    let members = candidate.members
    if members.count < candidate.wanted {
      return wait(candidate, .group(present: members.count, members: candidate.wanted))
    }
    let job = input.queue[members[0]]
    let needs = members.count == 1 ? [job.need] : members.map { input.queue[$0].need }
    if let quota = accounts.exceeded(by: needs, project: job.project) { return wait(candidate, quota) }

    let end = end(of: members)
    let reservation = reservation
    var fits = false
    let places = pool.place(needs) { places in
      fits = true
      return reservation?.allows(needs, places, until: end) ?? true
    }
    if let places { return start(candidate, needs, places) }
    if fits, let reservation { return wait(candidate, .reserved(job: reservation.job, by: reservation.by)) }
    let shortage = pool.shortage(of: needs)
    if reservation == nil { return reserve(for: candidate, needs, shortage) }
    wait(candidate, .turn(shortage, ahead: waitingJobs))
  }

  /// When all of them have ended at the latest, if they start now; nil: nobody knows.
  private func end(of members: [Int]) -> Int64? {
    var latest = input.now
    for index in members {
      guard let limit = input.queue[index].timeLimit else { return nil }
      let (end, overflows) = input.now.addingReportingOverflow(limit)
      if overflows { return nil }
      latest = max(latest, end)
    }
    return latest
  }

  private mutating func start(_ candidate: Candidate, _ needs: [ResourceNeed], _ places: [[DeviceSlot]]) {
    let jobs = candidate.members.map { input.queue[$0] }
    for (need, slots) in zip(needs, places) { pool.take(need, slots) }
    let end = end(of: candidate.members)
    reservation?.take(needs, places, until: end)
    accounts.add(needs, project: jobs[0].project)
    decision.starts.append(zip(jobs, places).map { JobStart(job: $0.id, slots: $1) })
  }

  private mutating func wait(_ candidate: Candidate, _ reason: WaitReason) {
    for index in candidate.members { decision.waiting.append((input.queue[index].id, reason)) }
    waitingJobs += candidate.members.count
  }

  /// Keeps what the first that does not fit needs, and ends what it goes before.
  private mutating func reserve(for candidate: Candidate, _ needs: [ResourceNeed], _ shortage: Shortage) {
    let job = input.queue[candidate.members[0]]
    let victims =
      job.priority < .preemptible ? victims(for: needs, pool: pool, running: input.running) : []
    let chosen = Set(victims)
    var releases = input.running.map { job -> Release in
      let isTold = job.isStopping || chosen.contains(job.id)
      return Release(job: job, by: isTold ? min(job.endsBy ?? .max, input.now + input.grace) : job.endsBy)
    }
    // Those that have just started run from now on.
    let started = Dictionary(uniqueKeysWithValues: decision.starts.joined().map { ($0.job, $0.slots) })
    for waiting in started.isEmpty ? [] : input.queue {
      guard let slots = started[waiting.id] else { continue }
      let end = waiting.timeLimit.map { input.now.addingReportingOverflow($0) }
      let by = end.flatMap { $0.overflow ? nil : $0.partialValue }
      releases.append(
        Release(
          job: RunningJob(
            id: waiting.id, project: waiting.project, need: waiting.need, slots: slots, startedAt: input.now),
          by: by))
    }
    guard let reservation = Reservation(for: job.id, needs, pool: pool, releases: releases, now: input.now) else {
      return wait(candidate, .never(shortage))
    }
    self.reservation = reservation
    decision.preemptions = victims
    decision.reservation = (job.id, reservation.by)
    let told = victims + input.running.filter { $0.isStopping && $0.priority == .preemptible }.map(\.id)
    wait(
      candidate,
      told.isEmpty || job.priority == .preemptible
        ? .resources(shortage, by: reservation.by, job: reservation.lastRelease) : .preempting(jobs: told, shortage))
  }
}

/// What projects hold, and may hold.
struct ProjectHoldings {
  private var held: [String: (milliGPUs: Int, jobs: Int)] = [:]
  private let quotas: [String: ProjectQuota]

  init(_ input: SchedulerInput) {
    quotas = input.projects.mapValues(\.quota).filter { $0.value.gpus != nil || $0.value.running != nil }
    for job in input.running { add([job.need], project: job.project) }
  }

  mutating func add(_ needs: [ResourceNeed], project: String) {
    // Only who has a quota is asked for.
    guard quotas[project] != nil else { return }
    held[project, default: (0, 0)].milliGPUs += needs.reduce(0) { $0 + $1.gpus.milliGPUs }
    held[project, default: (0, 0)].jobs += needs.count
  }

  /// Why the project may not have these too; nil: it may.
  func exceeded(by needs: [ResourceNeed], project: String) -> WaitReason? {
    if quotas.isEmpty { return nil }
    guard let quota = quotas[project] else { return nil }
    let used = held[project] ?? (0, 0)
    if let running = quota.running, used.jobs + needs.count > running {
      return .quota(.running, used: used.jobs, needed: needs.count, limit: running)
    }
    let needed = needs.reduce(0) { $0 + $1.gpus.milliGPUs }
    if let gpus = quota.gpus, needed > 0, used.milliGPUs + needed > gpus * 1000 {
      return .quota(.gpus, used: used.milliGPUs, needed: needed, limit: gpus * 1000)
    }
    return nil
  }
}
