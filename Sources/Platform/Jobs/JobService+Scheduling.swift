import ControlDatabase
public import GPUs
public import JobStates
import Linux
import Logging
public import Scheduler

/// What a queued job waits for.
public struct JobWait: Hashable, Sendable {
  public let code: WaitCode
  /// For people; without the job's name.
  public let sentence: String
}

extension JobService {
  /// The next attempts of jobs whose turn it is. Those that are to make room for others are told so.
  /// - Parameter queue: those of the queue that wait for nothing but resources, in the order of submission.
  func attemptsToBegin(_ queue: [Job]) async throws -> [Attempt] {
    let claims = try await database.claims()
    let decision = try await decide(queue, claims)
    waits = Dictionary(uniqueKeysWithValues: decision.waiting.map { ($0.job, $0.reason) })
    for job in unfinished.queued where waits[job.id] == nil { waits[job.id] = waitForOthers(job) }
    for job in decision.preemptions { try await database.preempt(job) }
    var attempts: [Attempt] = []
    for unit in decision.starts {
      if let first = unit.first, claims.contains(where: { $0.id == first.job }) {
        try await database.grantClaim(first.job, devices: first.slots.map(\.device))
        continue
      }
      let starts = unit.map { (job: $0.job, slots: $0.slots) }
      guard let begun = try await database.beginAttempts(starts, bootID: configuration.bootID) else { continue }
      attempts += begun
    }
    // Not before all have begun: those of a pass that fails are picked up by the next one.
    for attempt in attempts {
      running.insert(attempt.job)
      begunHere.insert(attempt.container)
      leasedAt[attempt.job] = attempt.createdAt
    }
    if waits.values.contains(where: { $0.code == .gpusInUse || $0.code == .gpusFaulty }) { lookAgainAtGPUs() }
    return attempts
  }

  /// What a job waits for that is not ready.
  private func waitForOthers(_ job: Job) -> WaitReason? {
    if let time = job.notBefore, time > nanosecondsNow() { return .delay(until: time) }
    return job.request.dependsOn?.first { unfinished.contains($0.job) }.map { .dependency(job: $0.job) }
  }

  private func decide(_ queue: [Job], _ claims: [Claim]) async throws -> SchedulerDecision {
    var input = try await schedulerInput(queue, claims)
    var decision = schedule(input)
    guard inventory.isReal else { return decision }
    // Who else is on GPUs, and whether they are well, is asked of those that would be handed out, and now and then of
    // those that can't be: it takes a moment.
    let leased = Set(input.running.flatMap(\.slots).map(\.device))
    let ours = Set(inventory.gpus.filter { gpu in gpu.devices.contains { leased.contains($0) } }.map(\.uuid))
    let isDue = gpusSeenAt.map { $0 + Self.lookAgainAfter <= .now } ?? true
    var unseen = isDue ? gpuConditions.busy.union(gpuConditions.faults.keys) : []
    var seen: Set<String> = []
    if isDue { gpusSeenAt = .now }
    while true {
      let starting = Set(decision.starts.joined().flatMap(\.slots).map(\.device))
      unseen.formUnion(inventory.gpus.filter { gpu in gpu.devices.contains { starting.contains($0) } }.map(\.uuid))
      unseen.subtract(seen)
      if unseen.isEmpty { return decision }
      await look(at: unseen, ours: ours)
      seen.formUnion(unseen)
      input.host = Host(inventory, gpuConditions)
      decision = schedule(input)
    }
  }

  /// - Parameter ours: GPUs that jobs are on.
  private func look(at gpus: Set<String>, ours: Set<String>) async {
    let found = await GPUConditions.look(at: gpus)
    gpuConditions.busy = gpuConditions.busy.subtracting(gpus).union(found.busy).subtracting(ours)
    for gpu in gpus.sorted() {
      let (old, new) = (gpuConditions.faults[gpu], found.faults[gpu])
      if let new, new != old { logger.error("GPU \(gpu) is handed out no more: \(new)") }
      if old != nil, new == nil { logger.notice("GPU \(gpu) is well again, and handed out") }
      gpuConditions.faults[gpu] = new
    }
  }

  private func schedulerInput(_ queue: [Job], _ claims: [Claim]) async throws -> SchedulerInput {
    let now = nanosecondsNow()
    let leases = Dictionary(grouping: try await database.gpuLeases(), by: \.job)
    let accounts = try await accounts(at: now)
    let holders = unfinished.active.values.sorted { $0.sequence < $1.sequence }.map { job in
      RunningJob(job, slots: (leases[job.id] ?? []).map(\.slot), since: leasedAt[job.id] ?? now)
    }
    let groups = membersOfStartedGroups()
    var waiting: [WaitingJob] = queue.lazy.filter { !self.running.contains($0.id) }.map { job in
      WaitingJob(job, members: job.request.group.flatMap { groups[$0.id] })
    }
    waiting += claims.compactMap { WaitingJob($0) }
    return SchedulerInput(
      host: Host(inventory, gpuConditions), running: holders + claims.compactMap { RunningJob($0) },
      queue: waiting, projects: accounts, now: now)
  }

  /// What projects have used, with what their jobs use at the moment, and may have.
  private func accounts(at now: Int64) async throws -> [String: ProjectAccount] {
    var accounts = try await database.projectAccounts(at: now)
    for job in unfinished.active.values {
      accounts[job.project, default: ProjectAccount()].usage += Usage(
        holding: job.request.need, seconds: Double(now - (leasedAt[job.id] ?? now)) / 1e9,
        halfLife: database.usageHalfLife)
    }
    return accounts
  }

  /// How many of each group that was started before have not ended. Those who are to start again don't wait for those
  /// who have ended.
  private func membersOfStartedGroups() -> [String: Int] {
    var members: [String: (count: Int, isStarted: Bool)] = [:]
    for job in [unfinished.queued, Array(unfinished.active.values)].joined() {
      guard let group = job.request.group else { continue }
      let before = members[group.id] ?? (0, false)
      members[group.id] = (before.count + 1, before.isStarted || job.attempt > 0)
    }
    return members.filter(\.value.isStarted).mapValues(\.count)
  }

  private static let lookAgainAfter = Duration.seconds(10)

  /// No event tells when a program that is no job leaves a GPU, or when one is well again.
  private func lookAgainAtGPUs() {
    guard gpuReminder == nil else { return }
    gpuReminder = Task {
      try await Task.sleep(for: Self.lookAgainAfter)
      gpuReminder = nil
      gpusSeenAt = nil
      database.announceChange()
    }
  }

  // MARK: Requests

  /// What queued jobs wait for, by their identifiers, as it was decided last.
  public func waits(of jobs: [String]) -> [String: JobWait] {
    let now = nanosecondsNow()
    return Dictionary(
      uniqueKeysWithValues: jobs.compactMap { id in
        waits[id].map { (id, JobWait(code: $0.code, sentence: $0.sentence(now: now))) }
      })
  }

  /// What a project has used of late and may have, and its part of what all have used, from 0 to 1.
  public func account(of project: String) async throws -> (usage: Usage, quota: ProjectQuota, share: Double) {
    let accounts = try await accounts(at: nanosecondsNow())
    let host = Host(inventory)
    let all = accounts.values.reduce(0) { $0 + $1.usage.hostSeconds(on: host) }
    let account = accounts[project] ?? ProjectAccount()
    return (account.usage, account.quota, all > 0 ? account.usage.hostSeconds(on: host) / all : 0)
  }

  /// This host's GPUs and who is on them.
  public func gpuStatus() async throws -> [GPUStatus] {
    let leases = try await database.gpuLeases()
    let claims = try await database.claims()
    if inventory.isReal {
      let leased = Set(leases.map(\.gpu) + claims.flatMap { $0.devices ?? [] })
      let ours = inventory.gpus.filter { gpu in gpu.devices.contains { leased.contains($0) } }
      let before = gpuConditions
      await look(at: Set(inventory.gpus.map(\.uuid)), ours: Set(ours.map(\.uuid)))
      if gpuConditions != before { database.announceChange() }
    }
    return inventory.gpus.enumerated().map { index, gpu in
      let devices = Set(gpu.devices)
      let held = Dictionary(grouping: leases.filter { devices.contains($0.gpu) }, by: \.job)
      var holders = held.sorted { $0.key < $1.key }.map { job, slots in
        GPUStatus.Holder(
          job: job,
          part: slots[0].gpu != gpu.uuid
            ? slots[0].gpu : slots[0].shards > 1 ? "\(slots.count)/\(slots[0].shards)" : nil)
      }
      for claim in claims where claim.devices?.contains(gpu.uuid) ?? false {
        holders.append(GPUStatus.Holder(job: claim.id, part: nil))
      }
      return GPUStatus(
        gpu: gpu, holders: holders, isBusyExternally: gpuConditions.busy.contains(gpu.uuid) && holders.isEmpty,
        fault: gpuConditions.faults[gpu.uuid],
        links: inventory.links.isEmpty ? [] : inventory.links[index])
    }
  }
}

extension WaitingJob {
  /// - Parameter members: how many its group has by now; nil: as many as it was submitted with.
  init(_ job: Job, members: Int?) {
    self.init(
      id: job.id, project: job.project, priority: job.request.priority ?? .normal, sequence: job.sequence,
      need: job.request.need,
      timeLimit: job.request.timeoutSeconds.map { $0.multipliedReportingOverflow(by: 1_000_000_000) }.flatMap {
        $0.overflow ? nil : Int64($0.partialValue)
      },
      group: job.request.group.map { Group(id: $0.id, members: members ?? $0.members) })
  }
}

extension RunningJob {
  init(_ job: Job, slots: [DeviceSlot], since: Int64) {
    let started = job.state == .starting ? nil : job.startedAt
    let limit = WaitingJob(job, members: nil).timeLimit
    let end = limit.map { max(started ?? since, since).addingReportingOverflow($0) }
    self.init(
      id: job.id, project: job.project, priority: job.request.priority ?? .normal, need: job.request.need,
      slots: slots, startedAt: since, endsBy: end.flatMap { $0.overflow ? nil : $0.partialValue },
      isStopping: job.state == .stopping, group: job.request.group?.id)
  }
}
