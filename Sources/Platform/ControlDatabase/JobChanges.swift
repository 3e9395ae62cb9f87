import GRDB
import JobStates
import Linux
public import Scheduler

/// A change of a job's or attempt's state that ``JobTransition`` does not have: a mistake in the program.
public struct IllegalTransition: Error, CustomStringConvertible, Sendable {
  public let job: String
  public let transition: JobTransition

  public var description: String {
    "job \(job) can't go from \(transition.from.rawValue) to \(transition.to.rawValue)"
      + " because of \(transition.reason.rawValue); please report this"
  }
}

/// How an attempt ended.
public struct AttemptEnd: Hashable, Sendable {
  public var state: JobState
  public var reason: JobReason
  public var exitCode: Int32?
  public var detail: String?
  /// Nanoseconds since 1970.
  public var time: Int64

  public init(
    _ state: JobState, _ reason: JobReason, exitCode: Int32? = nil, detail: String? = nil, time: Int64
  ) {
    self.state = state
    self.reason = reason
    self.exitCode = exitCode
    self.detail = detail
    self.time = time
  }
}

extension ControlDatabase {
  /// Queues a job; its project is made if need be.
  /// - Parameter id: a new one, of ``Names/newIdentifier()``.
  /// - Throws: ``ControlError`` `invalid` for a bad name.
  public func addJob(_ request: JobRequest, id: String = Names.newIdentifier()) async throws -> Job {
    try await addJobs([(request, id)])[0]
  }

  /// Queues all of these jobs or none; their projects are made if need be.
  /// - Parameter jobs: each with a new identifier, of ``Names/newIdentifier()``.
  /// - Throws: ``ControlError`` `invalid` for a bad name.
  public func addJobs(_ jobs: [(request: JobRequest, id: String)]) async throws -> [Job] {
    for (request, _) in jobs {
      try Self.validate(project: request.project)
      if let name = request.name, !Names.isValid(name) {
        throw ControlError(
          .invalid, subject: name,
          "\"\(name)\" can't be a job's name: use up to 64 letters, digits, dots, dashes and underscores,"
            + " beginning with a letter or digit")
      }
    }
    return try await write { database in
      for (project, its) in Dictionary(grouping: jobs, by: \.request.project) {
        try database.checkQueueQuota(of: project, adding: its.count)
      }
      return try jobs.map { try database.insert($0.request, id: $0.id) }
    }
  }

  /// Begins a queued job's next attempt and leases it these GPUs; nil: it is not queued any more.
  public func beginAttempt(of id: String, gpus: [String], bootID: String) async throws -> Attempt? {
    let slots = gpus.map { DeviceSlot(device: $0) }
    return try await beginAttempts([(job: id, slots: slots)], bootID: bootID)?[0]
  }

  /// Begins the next attempts of queued jobs and leases them these devices: all of them, or none; nil: one of them is
  /// not queued any more.
  ///
  /// What is made later bears the names that are written here, so that a daemon that comes after can find it.
  public func beginAttempts(_ starts: [(job: String, slots: [DeviceSlot])], bootID: String) async throws -> [Attempt]? {
    try await write { database in
      for start in starts where try database.job(start.job).state != .queued { return nil }
      return try starts.map { try database.beginAttempt(of: $0.job, $0.slots, bootID: bootID) }
    }
  }

  /// Its container's command runs. A job that is being stopped by now stays so.
  public func attemptRuns(
    _ attempt: Attempt, startedAt: Int64, imageDigest: String? = nil, process: ProcessHandle? = nil,
    ports: [PublishedPort]? = nil
  ) async throws -> Job {
    try await write { database in
      var job = try database.job(attempt.job)
      try database.execute(
        sql: """
          UPDATE attempt SET state = 'running', reason = ?, startedAt = ?, imageDigest = coalesce(?, imageDigest),
            process = ?, ports = ? WHERE job = ? AND number = ?
          """,
        arguments: [
          JobReason.containerStarted.rawValue, startedAt, imageDigest, try process.map { try jsonColumn($0) },
          try ports.map { try jsonColumn($0) }, attempt.job, attempt.number,
        ])
      job.startedAt = startedAt
      if job.state == .starting {
        try database.change(&job, to: .running, .containerStarted)
      } else {
        try database.store(job)
      }
      return job
    }
  }

  /// Notes what a job's image is before it runs, so that all its attempts run the same. The first note stays.
  public func pin(_ image: PinnedImage, for attempt: Attempt) async throws {
    try await write { database in
      var job = try database.job(attempt.job)
      job.pinnedImage = job.pinnedImage ?? image
      try database.store(job)
      try database.execute(
        sql: "UPDATE attempt SET imageDigest = ? WHERE job = ? AND number = ?",
        arguments: [image.digest, attempt.job, attempt.number])
    }
  }

  /// Ends a job that waits for what will never be. One that has left the queue stays as it is.
  public func refuse(_ id: String, _ reason: JobReason, detail: String) async throws {
    try await write { database in
      var job = try database.job(id)
      guard job.state == .queued else { return }
      job.detail = detail
      job.endedAt = nanosecondsNow()
      job.artifactsSealed = job.attempt == 0
      try database.change(&job, to: .failed, reason)
    }
  }

  /// What a job waits for while it starts, such as an image; shown to people.
  public func setDetail(_ detail: String, of id: String) async throws {
    try await write { database in
      var job = try database.job(id)
      guard !job.state.isTerminal else { return }
      job.detail = detail
      try database.store(job)
    }
  }

  /// Marks a job as being stopped, or as stopped if it has not begun. One that is being stopped gets a shorter grace
  /// period, and not a longer one; one that has ended stays as it is.
  public func stop(_ id: String, _ reason: JobReason, graceSeconds: Int) async throws -> Job {
    try await write { database in
      var job = try database.job(id)
      switch job.state {
      case .queued:
        job.endedAt = nanosecondsNow()
        // Nothing was made yet, unless an attempt came before.
        job.artifactsSealed = job.attempt == 0
        try database.change(&job, to: .stopped, reason)
      case .starting, .running:
        job.graceSeconds = graceSeconds
        try database.change(&job, to: .stopping, reason)
      case .stopping where reason == .requested && job.isQueuedAgain:
        job.graceSeconds = graceSeconds
        try database.change(&job, to: .stopping, reason)
      case .stopping where reason == .requested && graceSeconds < job.graceSeconds:
        job.graceSeconds = graceSeconds
        try database.store(job)
      case .stopping, .succeeded, .failed, .stopped, .timedOut, .outOfMemory, .lost: break
      }
      return job
    }
  }

  /// Marks a job as being stopped for others that go before it; it will be queued again. One that holds nothing, or is
  /// being stopped, stays as it is.
  public func preempt(_ id: String) async throws {
    try await write { database in
      var job = try database.job(id)
      guard job.state == .starting || job.state == .running else { return }
      try database.change(&job, to: .stopping, .preempted)
    }
  }

  /// Ends an attempt and gives its GPUs back. The job ends with it, or is queued again if `retry`. What
  /// has ended stays as it is.
  /// - Parameter notBefore: the earliest time of the next attempt, in nanoseconds since 1970.
  public func endAttempt(
    _ attempt: Attempt, _ end: AttemptEnd, retry: Bool, notBefore: Int64? = nil, artifactsSealed: Bool
  ) async throws -> Job {
    try await write { [usageHalfLife] database in
      var job = try database.job(attempt.job)
      guard job.state.isActive, job.attempt == attempt.number else { return job }
      var end = end
      // A job that ends by itself in the moment that it is stopped has been stopped nevertheless: who
      // asked for it sees what was asked for.
      let isPreempted = job.state == .stopping && job.reason == .preempted
      if job.state == .stopping && (end.state != .lost || isPreempted) {
        (end.state, end.reason) = (job.reason == .timeLimit ? .timedOut : .stopped, job.reason)
      }
      let transition = JobTransition(
        from: try database.attempt(attempt.number, of: attempt.job).state, to: end.state, reason: end.reason)
      guard JobTransition.ofAttempts.contains(transition) else {
        throw IllegalTransition(job: job.id, transition: transition)
      }
      try database.execute(
        sql: "UPDATE attempt SET state = ?, reason = ?, exitCode = ?, endedAt = ? WHERE job = ? AND number = ?",
        arguments: [
          end.state.rawValue, end.reason.rawValue, end.exitCode, end.time, attempt.job, attempt.number,
        ])
      try database.execute(sql: "DELETE FROM gpuLease WHERE job = ?", arguments: [attempt.job])
      try database.charge(attempt, of: job, halfLife: usageHalfLife)
      job.exitCode = end.exitCode
      job.detail = end.detail
      job.artifactsSealed = artifactsSealed
      if isPreempted {
        job.detail = nil
        try database.change(&job, to: .queued, .preempted)
      } else if retry && (job.state != .stopping || end.state == .timedOut) {
        job.notBefore = notBefore
        try database.change(&job, to: .queued, .retry)
      } else {
        job.endedAt = end.time
        try database.change(&job, to: end.state, end.reason)
      }
      return job
    }
  }

  public func artifactsSealed(of id: String) async throws {
    try await write { database in
      var job = try database.job(id)
      job.artifactsSealed = true
      try database.store(job)
    }
  }

  /// The snapshot that its workspace was cloned from is retired, unless another job or a notebook has it.
  /// - Throws: ``ControlError`` `conflict` while it has not ended.
  public func removeJob(_ id: String) async throws {
    try await write { database in
      let job = try database.job(id)
      guard job.state.isTerminal else {
        throw ControlError(
          .conflict, subject: id, "job \(job.name) is \(job.state.rawValue); stop it first: cairn job stop \(id)")
      }
      try database.execute(sql: "DELETE FROM job WHERE id = ?", arguments: [id])
      try database.retireSnapshot(job.request.workspaceSnapshot)
      try database.append(event: .job, subject: id, from: job.state.rawValue, to: nil, reason: "removed")
    }
  }
}

extension Job {
  /// Whether it is being stopped and will be queued again, or may be.
  fileprivate var isQueuedAgain: Bool {
    reason == .preempted || reason == .timeLimit && (request.retryPolicy ?? .standard).on.contains(.timedOut)
  }
}

extension Database {
  fileprivate func insert(_ request: JobRequest, id: String) throws -> Job {
    try checkSnapshot(request.workspaceSnapshot)
    try addProject(request.project)
    try execute(
      sql: """
        INSERT INTO job (
          id, name, project, request, state, reason, attempt, createdAt, graceSeconds, artifactsSealed, pinnedImage)
        VALUES (?, ?, ?, ?, ?, ?, 0, ?, 30, 0, ?)
        """,
      arguments: [
        id, request.name ?? id, request.project, try jsonColumn(request), JobState.queued.rawValue,
        JobReason.submitted.rawValue, nanosecondsNow(), try request.pinnedImage.map { try jsonColumn($0) },
      ])
    try append(event: .job, subject: id, from: nil, to: "queued", reason: JobReason.submitted.rawValue)
    return try job(id)
  }

  fileprivate func beginAttempt(of id: String, _ slots: [DeviceSlot], bootID: String) throws -> Attempt {
    var job = try job(id)
    job.attempt += 1
    let now = nanosecondsNow()
    var gpus: [String] = []
    for slot in slots where gpus.last != slot.device { gpus.append(slot.device) }
    try execute(
      sql: """
        INSERT INTO attempt (job, number, container, bootID, state, reason, gpus, createdAt)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        id, job.attempt, "cairn-\(id)-\(job.attempt)", bootID, JobState.starting.rawValue,
        JobReason.resourcesLeased.rawValue, try jsonColumn(gpus), now,
      ])
    for slot in slots {
      // The key keeps a shard from being leased twice; a GPU is also not whole and in shards at once.
      let others = try Int.fetchOne(
        self, sql: "SELECT count(*) FROM gpuLease WHERE gpu = ? AND shards <> ?", arguments: [slot.device, slot.shards])
      guard others == 0 else {
        throw ControlError(.conflict, subject: slot.device, "GPU \(slot.device) is leased in another way already")
      }
      try execute(
        sql: "INSERT INTO gpuLease (gpu, shard, shards, job, since) VALUES (?, ?, ?, ?, ?)",
        arguments: [slot.device, slot.shard, slot.shards, id, now])
    }
    try change(&job, to: .starting, .resourcesLeased)
    return try attempt(job.attempt, of: id)
  }

  /// Changes a job's state, if that is legal, and tells it.
  fileprivate func change(_ job: inout Job, to state: JobState, _ reason: JobReason) throws {
    let transition = JobTransition(from: job.state, to: state, reason: reason)
    guard JobTransition.all.contains(transition) else { throw IllegalTransition(job: job.id, transition: transition) }
    job.state = state
    job.reason = reason
    try store(job)
    try append(
      event: .job, subject: job.id, from: transition.from.rawValue, to: state.rawValue, reason: reason.rawValue,
      detail: job.detail)
  }

  fileprivate func store(_ job: Job) throws {
    try execute(
      sql: """
        UPDATE job SET state = ?, reason = ?, detail = ?, attempt = ?, exitCode = ?, startedAt = ?, endedAt = ?,
          graceSeconds = ?, artifactsSealed = ?, notBefore = ?, pinnedImage = ? WHERE id = ?
        """,
      arguments: [
        job.state.rawValue, job.reason.rawValue, job.detail, job.attempt, job.exitCode, job.startedAt, job.endedAt,
        job.graceSeconds, job.artifactsSealed, job.notBefore, try job.pinnedImage.map { try jsonColumn($0) }, job.id,
      ])
  }
}
