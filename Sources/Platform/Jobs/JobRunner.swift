import Containers
import ControlDatabase
import FoundationEssentials
import GPUs
import Glibc
import JobStates
import Linux
import Logging
import Secrets

/// Takes one attempt from wherever it is to its end. Each step may be repeated, because the daemon may
/// end between any two: then the next one runs the attempt again, from what it finds.
struct JobRunner: Sendable {
  let configuration: JobConfiguration
  let database: ControlDatabase
  let podman: Podman
  let storage: any JobStorage
  let tracking: any JobTracking
  let logger: Logger

  let secrets: SecretService
  let devices: CDIFiles
  let uncompressed = UncompressedLogs()

  var files: JobFiles { JobFiles(directory: configuration.directory) }

  /// Why an attempt could not begin.
  struct StartFailure: Error {
    let reason: JobReason
    let cause: any Error
  }

  /// Returns when the attempt has ended, or, without having changed anything more, when the task is cancelled.
  /// - Parameter number: the attempt's; how far it is, the database says.
  /// - Parameter isNew: whether this process has begun it just now, and has not run it before.
  func run(_ number: Int, of job: String, isNew: Bool) async throws {
    let attempt = try await database.attempt(number, of: job)
    guard !attempt.state.isTerminal else { return try await clean(after: attempt.container) }
    let end = try await untilEnd(of: attempt, isNew: isNew)
    try Task.checkCancellation()

    let job = try await database.job(attempt.job)
    // What was preempted is no failure.
    let attempts = try await database.countedAttempts(of: job.id)
    let policy = job.request.retryPolicy ?? .standard
    let isTimedOut = job.state == .stopping && job.reason == .timeLimit && end.state != .lost
    let retries =
      (job.state != .stopping || isTimedOut) && policy.on.contains(isTimedOut ? .timedOut : end.state)
      && attempts <= job.request.retries
      && ![.imageNotFound, .imageBuildFailed, .secretMissing].contains(end.reason)
    let isPreempted = job.state == .stopping && job.reason == .preempted
    // Before the attempt's end is written: a daemon that ends in between comes here again.
    let isStopped = job.state == .stopping && (end.state != .lost || isPreempted)
    try await tracking.end(attempt, of: job, as: isStopped ? .stopped : end.state, time: end.time)
    try await reached(.runsClosed)
    let sealed = try await retries || isPreempted ? false : seal(job)
    try await reached(.artifactsSealed)
    _ = try await database.endAttempt(
      attempt, end, retry: retries,
      notBefore: end.time + Int64(policy.delay(after: attempts)) * 1_000_000_000, artifactsSealed: sealed)
    try await reached(.recorded)
    // In a task of its own, because a daemon that ends in this moment should not leave a mount behind.
    try await Task {
      try await clean(after: attempt.container)
      await compressLog(of: job, attempt: attempt.number)
    }.value
    try await reached(.cleaned)
  }

  func reached(_ step: JobStep) async throws { try await configuration.reached?(step) }

  /// Makes the job's artifacts immutable; false: it has to be tried again later.
  func seal(_ job: Job) async throws -> Bool {
    do {
      try await storage.sealArtifacts(project: job.project, job: job.id)
      return true
    } catch {
      try Task.checkCancellation()
      logger.warning(
        "sealing artifacts failed; it will be tried again", metadata: ["job": "\(job.id)", "error": "\(error)"])
      return false
    }
  }

  /// Removes what is left of an ended attempt but its log.
  func clean(after container: String) async throws {
    try await podman.remove(container)
    try await HostOverlay(directory: files.overlay(of: container)).remove()
    try files.secrets(of: container).remove()
  }

  private func untilEnd(of attempt: Attempt, isNew: Bool) async throws -> AttemptEnd {
    do {
      return try await withThrowingTaskGroup(of: AttemptEnd?.self) { group in
        group.addTask { try await startAndWait(attempt, isNew: isNew) }
        group.addTask { try await stopWhenAsked(attempt) }
        defer { group.cancelAll() }
        // The second returns nil when its work is done, and an end where there was nothing to end.
        while let end = try await group.next() {
          if let end { return end }
        }
        throw CancellationError()
      }
    } catch let failure as StartFailure {
      try Task.checkCancellation()
      return AttemptEnd(.failed, failure.reason, detail: "\(failure.cause)", time: nanosecondsNow())
    }
  }

  // MARK: Stopping

  /// Waits until the job is to be stopped, or its time is up, and ends its container. Returns nil when
  /// the container will end, and an end where none had been started.
  private func stopWhenAsked(_ attempt: Attempt) async throws -> AttemptEnd? {
    var timer: Task<Void, any Error>?
    defer { timer?.cancel() }
    for await _ in database.watchChanges() {
      let job = try await database.job(attempt.job)
      if job.state == .stopping { return try await stop(job, attempt) }
      if job.state == .running, timer == nil, let limit = job.request.timeoutSeconds, let started = job.startedAt {
        timer = Task {
          try await Task.sleep(for: .nanoseconds(started) + .seconds(limit) - .nanoseconds(nanosecondsNow()))
          // A limit that could not be written down would not be one.
          while true {
            do {
              _ = try await database.stop(job.id, .timeLimit, graceSeconds: job.graceSeconds)
              return
            } catch {
              logger.error("job \(job.id) can't be stopped at its time limit yet: \(error)")
              try await Task.sleep(for: .seconds(1))
            }
          }
        }
      }
    }
    throw CancellationError()
  }

  private func stop(_ job: Job, _ attempt: Attempt) async throws -> AttemptEnd? {
    guard try await podman.status(of: attempt.container) != nil else {
      return AttemptEnd(.stopped, .requested, detail: "it was stopped before its command began", time: nanosecondsNow())
    }
    var job = job
    if job.reason == .preempted, try await podman.handles(SIGUSR1, attempt.container) {
      try await podman.signal(attempt.container, SIGUSR1)
      job = try await waitForCheckpoint(of: job)
    }
    try await podman.signal(attempt.container, SIGTERM)
    try await waitForGrace(of: job)
    try await podman.signal(attempt.container, SIGKILL)
    return nil
  }

  /// Returns when a job's grace period is over, which somebody may shorten meanwhile.
  private func waitForGrace(of job: Job) async throws {
    let begin = ContinuousClock.now
    var seconds = job.graceSeconds
    while true {
      let shorter = try await withThrowingTaskGroup(of: Int?.self) { group in
        group.addTask { [seconds] in
          try await Task.sleep(until: begin + .seconds(seconds))
          return nil
        }
        group.addTask { [seconds] in
          for await _ in database.watchChanges() {
            let now = try await database.job(job.id).graceSeconds
            if now < seconds { return now }
          }
          throw CancellationError()
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
      }
      guard let shorter else { return }
      seconds = shorter
    }
  }

  /// Gives a preempted job time to write a checkpoint, unless somebody wants it to end for good. When its container
  /// ends, this is cancelled.
  private func waitForCheckpoint(of job: Job) async throws -> Job {
    try await withThrowingTaskGroup(of: Job?.self) { group in
      group.addTask {
        try await Task.sleep(for: .seconds(configuration.checkpointGraceSeconds))
        return job
      }
      group.addTask {
        for await _ in database.watchChanges() {
          let job = try await database.job(job.id)
          if job.reason != .preempted { return job }
        }
        return nil
      }
      defer { group.cancelAll() }
      while let next = try await group.next() { if let next { return next } }
      throw CancellationError()
    }
  }

  // MARK: Ending

  /// How an attempt ended that began before the host was restarted; nil: it had not begun to run.
  func endBeforeBoot(_ attempt: Attempt, _ job: Job) async throws -> AttemptEnd? {
    // The monitor makes the log before the command begins.
    guard attempt.state != .starting || access(files.log(of: attempt.job, attempt: attempt.number), F_OK) == 0 else {
      return nil
    }
    if case .ended(let exitCode, let outOfMemory, let time)? = try await podman.status(of: attempt.container)?.phase,
      time > attempt.createdAt
    {
      if attempt.state == .starting { _ = try await database.attemptRuns(attempt, startedAt: time) }
      return Self.end(
        of: .ended(exitCode: exitCode, outOfMemory: outOfMemory, at: time), memoryBytes: job.request.memoryBytes)
    }
    return AttemptEnd(.lost, .hostRestarted, detail: "the host was restarted while it ran", time: nanosecondsNow())
  }

  static func end(of end: ContainerEnd, memoryBytes: UInt64?) -> AttemptEnd {
    switch end {
    case .vanished(let cause):
      return AttemptEnd(
        .lost, .containerVanished, detail: "nobody knows how it ended: \(cause)", time: nanosecondsNow())
    case .endedUnwatched(let exitCode, let outOfMemory, let time):
      var end = Self.end(
        of: .ended(exitCode: exitCode, outOfMemory: outOfMemory, at: time), memoryBytes: memoryBytes)
      let note = "the process that watched it, conmon, was killed before, and what it wrote after that is lost"
      end.detail = end.detail.map { "\($0); \(note)" } ?? note
      return end
    case .ended(0, _, let time):
      return AttemptEnd(.succeeded, .exitCode, exitCode: 0, time: time)
    case .ended(let exitCode, true, let time):
      let limit = memoryBytes.map { "its limit of \($0 >> 20) MiB" } ?? "the host's memory"
      return AttemptEnd(
        .outOfMemory, .memoryLimit, exitCode: exitCode, detail: "it needed more than \(limit)", time: time)
    case .ended(let exitCode, false, let time) where (129...192).contains(exitCode):
      return AttemptEnd(
        .failed, .signal, exitCode: exitCode, detail: "its command was killed by signal \(exitCode - 128)", time: time)
    case .ended(127, false, let time):
      return AttemptEnd(
        .failed, .exitCode, exitCode: 127,
        detail: "its command, or one that it called, was not found in the image (exit code 127)", time: time)
    case .ended(let exitCode, false, let time):
      return AttemptEnd(
        .failed, .exitCode, exitCode: exitCode, detail: "its command ended with exit code \(exitCode)", time: time)
    }
  }
}
