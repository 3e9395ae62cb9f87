import JobStates

/// One pass over the queue; see ``schedule(_:)``.
struct SchedulingPass {
  private let input: SchedulerInput
  /// What is free now.
  private var pool: Pool
  private let table: ProjectTable
  private var holdings: ProjectHoldings
  private var reservation: Reservation?
  private var waitingJobs = 0
  private(set) var decision = SchedulerDecision()

  init(_ input: SchedulerInput, _ table: ProjectTable) {
    self.input = input
    pool = Pool(input.host)
    for job in input.running { pool.take(job.need, job.slots) }
    self.table = table
    holdings = ProjectHoldings(input, table)
    decision.waiting.reserveCapacity(input.queue.count)
  }

  mutating func consider(_ candidate: Candidate) {
    let wanted = input.queue[candidate.first].group?.members ?? 1
    if candidate.others.count + 1 < wanted {
      return wait(candidate, .group(present: candidate.others.count + 1, members: wanted))
    }
    var jobs = 1
    var milliGPUs = input.queue[candidate.first].need.gpus.milliGPUs
    for index in candidate.others {
      jobs += 1
      milliGPUs += input.queue[index].need.gpus.milliGPUs
    }
    if let quota = holdings.exceeded(byJobs: jobs, milliGPUs: milliGPUs, project: table.ofQueue[candidate.first]) {
      return wait(candidate, quota)
    }
    // Of a long queue nearly all jobs end here, so it costs no memory.
    if reservation != nil, jobs == 1, let shortage = pool.plainShortage(of: input.queue[candidate.first].need) {
      return wait(candidate, .turn(shortage, ahead: waitingJobs))
    }
    decide(candidate, candidate.members.map { input.queue[$0].need })
  }

  private mutating func decide(_ candidate: Candidate, _ needs: [ResourceNeed]) {
    let end = end(of: candidate.members)
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
    for need in needs { holdings.add(need, project: table.ofQueue[candidate.first]) }
    decision.starts.append(zip(jobs, places).map { JobStart(job: $0.id, slots: $1) })
  }

  private mutating func wait(_ candidate: Candidate, _ reason: WaitReason) {
    decision.waiting.append((input.queue[candidate.first].id, reason))
    for index in candidate.others { decision.waiting.append((input.queue[index].id, reason)) }
    waitingJobs += 1 + candidate.others.count
  }

  /// Keeps what the first that does not fit needs, and ends what it goes before.
  private mutating func reserve(for candidate: Candidate, _ needs: [ResourceNeed], _ shortage: Shortage) {
    let job = input.queue[candidate.first]
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
