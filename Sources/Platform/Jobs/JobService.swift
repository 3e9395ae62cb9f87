public import Containers
import ControlDatabase
import FoundationEssentials
import GPUs
import JobStates
import Logging
import Scheduler
public import Secrets

/// Where the job service keeps its files, and what jobs must not see.
public struct JobConfiguration: Sendable {
  /// The control plane's directory: `logs/<job>/`, `overlays/`.
  public var directory: String
  /// Directories that are empty in a job on the host's root file system: state, keys, sockets.
  public var maskedPaths: [String]
  /// Names the time since this host was started.
  public var bootID: String
  /// The most bytes of a disk that an attempt's log takes; of a longer one the middle is left out.
  public var logLimit: Int64 = 256 << 20
  /// Called after each step of an attempt. What it throws ends the runner there, as the daemon's end would.
  public var reached: (@Sendable (JobStep) async throws -> Void)?

  /// How long a preempted job that handles SIGUSR1 has to write a checkpoint before it gets SIGTERM.
  public var checkpointGraceSeconds = 60

  public init(
    directory: String, maskedPaths: [String], bootID: String = Containers.bootID(),
    reached: (@Sendable (JobStep) async throws -> Void)? = nil
  ) {
    self.directory = directory
    self.maskedPaths = maskedPaths
    self.bootID = bootID
    self.reached = reached
  }
}

/// Jobs from submission to removal.
public actor JobService {
  let database: ControlDatabase
  let files: JobFiles
  let podman: Podman
  let inventory: GPUInventory
  let storage: any JobStorage
  let runner: JobRunner
  let hostResources: Resources
  let secrets: SecretService
  let configuration: JobConfiguration
  let logger: Logger
  /// Jobs whose attempt runs in a task of this process.
  var running: Set<String> = []
  private var isDraining = false
  /// Looks at the queue again when the next delay is over.
  var alarm: Task<Void, any Error>?
  private(set) var unfinished = UnfinishedJobs()
  /// When jobs that hold resources got them, in nanoseconds since 1970.
  var leasedAt: [String: Int64] = [:]
  /// Containers of attempts that this process has begun and not run yet.
  var begunHere: Set<String> = []
  /// Why the jobs of the queue wait, as it was decided last.
  var waits: [String: WaitReason] = [:]
  /// GPUs that can't be handed out because of programs that are no jobs, or of faults, as it was seen last.
  var gpuConditions = GPUConditions()
  /// When that was; nil: it is to be seen anew.
  var gpusSeenAt: ContinuousClock.Instant?
  var gpuReminder: Task<Void, any Error>?
  /// By job.
  var latestUsage: [String: UsageSample] = [:]
  var snapshotUsers: [@Sendable () async throws -> Set<UInt32>] = []
  var secretUsers: [@Sendable () async throws -> Int64?] = []

  public init(
    configuration: JobConfiguration, database: ControlDatabase, podman: Podman, gpus: GPUInventory,
    storage: any JobStorage, tracking: any JobTracking, secrets: SecretService, logger: Logger
  ) {
    self.secrets = secrets
    self.configuration = configuration
    self.database = database
    self.podman = podman
    inventory = gpus
    self.storage = storage
    self.logger = logger
    files = JobFiles(directory: configuration.directory)
    hostResources = Resources(of: Host(gpus))
    runner = JobRunner(
      configuration: configuration, database: database, podman: podman, storage: storage, tracking: tracking,
      logger: logger, secrets: secrets, devices: CDIFiles(gpus, instance: configuration.directory))
  }

  // MARK: Running

  /// Picks up what an earlier daemon left, then runs jobs until it is cancelled. Containers outlive it.
  public func run() async throws {
    let orphans = podman.host.canRunContainers ? try await orphansWithoutLeftovers() : []
    try await withThrowingDiscardingTaskGroup { group in
      defer {
        group.cancelAll()
        runner.devices.remove()
      }
      group.addTask { await self.end(orphans: orphans) }
      group.addTask { try await self.compressLogs() }
      group.addTask { try await self.limitLogs() }
      group.addTask { try await self.sampleUsage() }
      group.addTask { try await self.remindOfSealing() }
      group.addTask { try await self.removeSnapshots() }
      group.addTask { try await self.retireUnusedSnapshots() }
      for await _ in database.watchChanges() {
        do {
          try await sealRemaining()
          for attempt in try await unattendedAttempts() { group.addTask { await self.run(attempt) } }
          for attempt in try await attemptsToBegin() { group.addTask { await self.run(attempt) } }
        } catch {
          try Task.checkCancellation()
          // A job that was removed meanwhile, a disk that is full for a moment: what is in the records is looked at again.
          logger.error("the queue is looked at again: \(error)")
          group.addTask {
            try? await Task.sleep(for: .seconds(1))
            self.database.announceChange()
          }
        }
      }
    }
  }

  /// Starts no more jobs, stops those that run and waits for their end; for a host that is given up, such
  /// as a laptop's. What is queued stays so. ``run()`` must be going on.
  public func drain(grace: Int = 30) async throws {
    isDraining = true
    for job in try await database.unfinishedJobs() where job.state.isActive {
      _ = try await stop(job.id, grace: grace)
    }
    while !running.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
  }

  private func run(_ attempt: Attempt) async {
    // At first at once: an exit code that podman did not note lies there for some milliseconds only.
    var pause = Duration.milliseconds(20)
    var isNew = begunHere.remove(attempt.container) != nil
    while !Task.isCancelled {
      do {
        try await runner.run(attempt.number, of: attempt.job, isNew: isNew)
        break
      } catch {
        if Task.isCancelled { break }
        isNew = false
        // Nothing is lost: the attempt is picked up again from what there is.
        logger.error(
          "job interrupted; it will be picked up again", metadata: ["job": "\(attempt.job)", "error": "\(error)"])
        try? await Task.sleep(for: pause)
        pause = min(pause * 2, .seconds(60))
      }
    }
    running.remove(attempt.job)
    leasedAt[attempt.job] = nil
    // A job that is tried again has waited in the queue for this.
    database.announceChange()
  }

  /// The attempts that have begun and that no task looks after: those that an earlier daemon left, or a pass that failed.
  private func unattendedAttempts() async throws -> [Attempt] {
    unfinished.apply(try await database.jobChanges(after: unfinished.lastEvent))
    var attempts: [Attempt] = []
    for job in unfinished.active.values where !running.contains(job.id) {
      attempts.append(try await database.attempt(job.attempt, of: job.id))
    }
    // Nothing fails from here on: what is noted as running is run.
    for attempt in attempts {
      running.insert(attempt.job)
      leasedAt[attempt.job] = attempt.createdAt
    }
    return attempts
  }

  /// The next attempts of jobs whose turn it is.
  private func attemptsToBegin() async throws -> [Attempt] {
    guard podman.host.canRunContainers, !isDraining else { return [] }
    return try await attemptsToBegin(ready(unfinished.queued))
  }

  /// Seals artifacts of jobs that ended while the storage daemon could not be reached.
  private func sealRemaining() async throws {
    for job in try await database.jobsToSeal() where !running.contains(job.id) {
      if try await runner.seal(job) { try await database.artifactsSealed(of: job.id) }
    }
  }

  /// What could not be sealed is tried again some seconds later.
  private func remindOfSealing() async throws {
    while true {
      try await Task.sleep(for: .seconds(10))
      if try await !database.jobsToSeal().isEmpty { database.announceChange() }
    }
  }

  // MARK: Requests

  /// Queues a job. The project is made if need be.
  /// - Parameter id: a new one, of `Names.newIdentifier()`.
  /// - Throws: ``ControlError`` `invalid` where the request asks for what cannot be, such as more GPUs
  ///   than there are; `unavailable` where this host can run no containers.
  public func submit(_ request: JobRequest, id: String = Names.newIdentifier()) async throws -> Job {
    try await submit([request], ids: [id])[0]
  }

  /// Refuses what could never run on this host, or lacks its secrets.
  /// - Throws: ``ControlError`` as ``submit(_:id:)``.
  public func validate(_ request: JobRequest) async throws {
    try check(request, host: hostResources)
    _ = try await JobSecrets(of: request, from: secrets)
    if let secret = request.registrySecret { _ = try await secrets.value(of: secret, for: request.project) }
  }

  /// Queues all of these jobs or none, in this order. Jobs of a group are submitted by one call.
  /// - Parameter ids: as many new ones, of `Names.newIdentifier()`; nil: they are made here.
  /// - Throws: as ``submit(_:id:)``; ``ControlError`` `invalid` also for a group that is not complete, or that could
  ///   never run at once on this host.
  public func submit(_ requests: [JobRequest], ids: [String]? = nil) async throws -> [Job] {
    precondition(ids == nil || ids?.count == requests.count, "an identifier for each job")
    for request in requests {
      try await validate(request)
      for dependency in request.dependsOn ?? [] { _ = try await database.job(dependency.job) }
    }
    try check(groupsOf: requests, host: hostResources)
    guard podman.host.canRunContainers else {
      let causes = podman.host.findings.filter { $0.level == .failure }.map(\.message)
      throw ControlError(
        .unavailable, subject: requests.first?.image ?? "",
        "this host can run no containers: \(causes.joined(separator: "; ")); see cairn system doctor")
    }
    let identifiers = ids ?? requests.map { _ in Names.newIdentifier() }
    return try await database.addJobs(zip(requests, identifiers).map { (request: $0, id: $1) })
  }

  /// What is asked for to repeat a job: the same snapshot, image, environment and resources.
  public nonisolated func repetition(of id: String) async throws -> JobRequest {
    let job = try await database.job(id)
    var request = job.request
    guard request.serves == nil else {
      throw ControlError(
        .conflict, subject: id,
        "job \(job.name) is a server for people and can't be repeated; see cairn notebook resume, or cairn job tensorboard"
      )
    }
    request.pinnedImage = job.pinnedImage
    request.rerunOf = job.id
    // What it waited for is over, and those that it started with do not start again.
    request.dependsOn = nil
    request.group = nil
    return request
  }

  /// The newest first.
  public nonisolated func list(_ filter: JobFilter = JobFilter()) async throws -> [Job] {
    try await database.jobs(filter)
  }

  /// The job with this identifier, this unique prefix of one, or this name. Where several have the
  /// name and all but one have ended, it is the one that has not.
  /// - Throws: ``ControlError`` `notFound`, or `ambiguous` with the candidates named.
  public nonisolated func find(_ reference: String, project: String? = nil) async throws -> Job {
    let jobs = reference.isEmpty ? [] : try await database.jobs(matching: reference, project: project)
    if jobs.count == 1 { return jobs[0] }
    let unfinished = jobs.filter { !$0.state.isTerminal }
    if unfinished.count == 1 && unfinished[0].name == reference { return unfinished[0] }
    if jobs.isEmpty {
      throw ControlError(
        .notFound, subject: reference, "there is no job \"\(reference)\"; cairn job ls shows those there are")
    }
    let candidates = jobs.map { "\($0.id) (\($0.name), \($0.state.rawValue))" }.joined(separator: ", ")
    throw ControlError(.ambiguous, subject: reference, "\"\(reference)\" may be any of: \(candidates)")
  }

  /// A job's attempts, the first first. `job` is a full identifier, as in all that follows.
  public nonisolated func attempts(of job: String) async throws -> [Attempt] {
    try await database.attempts(of: job)
  }

  /// Stops a job: SIGTERM, and SIGKILL after `grace` seconds. Returns at once; ``wait(for:)`` tells the end.
  /// For a job that is stopping already it can only shorten the grace; one that has ended stays as it is.
  public nonisolated func stop(_ job: String, grace: Int = 30) async throws -> Job {
    guard (0...86_400).contains(grace) else {
      throw ControlError(.invalid, subject: job, "a grace period is 0 to 86400 seconds")
    }
    return try await database.stop(job, .requested, graceSeconds: grace)
  }

  /// Removes an ended job's record, log and workspace, and the snapshot of that if nothing else names it; its artifacts only
  /// if asked to.
  /// - Throws: ``ControlError`` `conflict` while it has not ended.
  public func remove(_ id: String, artifacts: Bool = false) async throws {
    let job = try await database.job(id)
    guard job.state.isTerminal else {
      throw ControlError(
        .conflict, subject: id, "job \(job.name) is \(job.state.rawValue); stop it first: cairn job stop \(id)")
    }
    // It is being cleaned away after.
    while running.contains(id) { try await Task.sleep(for: .milliseconds(10)) }
    for attempt in try await database.attempts(of: id) { try await runner.clean(after: attempt.container) }
    if job.request.dockerfile != nil { try await podman.untag(JobRunner.builtImage(of: id)) }
    try await storage.removeWorkspace(job: id)
    if artifacts {
      try await storage.removeArtifacts(project: job.project, job: id)
    } else if !job.artifactsSealed {
      try await storage.sealArtifacts(project: job.project, job: id)
    }
    let logs = files.logDirectory(of: id)
    if FileManager.default.fileExists(atPath: logs) { try FileManager.default.removeItem(atPath: logs) }
    // The record last: whatever fails before can be tried again.
    try await database.removeJob(id)
  }

  /// Returns the job when it has ended.
  public nonisolated func wait(for id: String) async throws -> Job {
    for await _ in database.watchChanges() {
      let job = try await database.job(id)
      if job.state.isTerminal { return job }
    }
    throw CancellationError()
  }

  /// What a job wrote, oldest first; with `follow` until it ends, else until now.
  public nonisolated func logs(of job: String, follow: Bool) -> JobLog {
    logs(of: job, JobLogSelection(follow: follow))
  }

  /// What a job wrote, oldest first.
  public nonisolated func logs(of job: String, _ selection: JobLogSelection = JobLogSelection()) -> JobLog {
    JobLog(database: database, secrets: secrets, files: files, job: job, selection: selection)
  }

  /// Runs a command in a job's container, beside the job's own; see `Podman.exec`.
  /// - Throws: ``ControlError`` `conflict` while the job does not run.
  public nonisolated func exec(
    in id: String, _ command: [String], environment: [String: String], input: AsyncStream<[UInt8]>?,
    sizes: AsyncStream<TerminalSize>? = nil,
    output: @escaping @Sendable (LogLine.Stream, [UInt8]) async throws -> Void
  ) async throws -> Int32 {
    var job = try await database.job(id)
    // Its container may run already, and the note of it is on its way.
    for await _ in database.watchChanges() {
      job = try await database.job(id)
      if job.state != .starting { break }
    }
    guard job.state == .running || job.state == .stopping else {
      throw ControlError(
        .conflict, subject: id, "job \(job.name) is \(job.state.rawValue), so nothing can be run in its container")
    }
    guard let program = command.first, !program.isEmpty, !program.hasPrefix("-"),
      !command.contains(where: { $0.utf8.contains(0) }), environment.keys.allSatisfy(isEnvironmentName),
      !environment.values.contains(where: { $0.utf8.contains(0) })
    else { throw ControlError(.invalid, subject: "command", "give a command after --, such as: -- sh") }
    let container = try await database.attempt(job.attempt, of: id).container
    return try await podman.exec(
      in: container, command, environment: environment, input: input, sizes: sizes, output: output)
  }

  /// Events after the one with this number, oldest first; with `follow` without end.
  /// - Parameter subject: only those about this job or project.
  public nonisolated func events(
    after sequence: Int64 = 0, subject: String? = nil, follow: Bool = false
  ) -> EventLog {
    database.eventLog(after: sequence, subject: subject, follow: follow)
  }

  /// What this host offers to containers.
  public nonisolated func hostReport() -> HostReport { podman.host }
}
