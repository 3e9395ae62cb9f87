import Containers
import ControlDatabase
import FoundationEssentials
import Glibc
import JobStates
import Linux
import Logging

/// Takes one attempt from wherever it is to its end. Each step may be repeated, because the daemon may
/// end between any two: then the next one runs the attempt again, from what it finds.
struct JobRunner: Sendable {
  let configuration: JobConfiguration
  let database: ControlDatabase
  let podman: Podman
  let storage: any JobStorage
  let tracking: any JobTracking
  let logger: Logger

  private var files: JobFiles { JobFiles(directory: configuration.directory) }

  /// Why an attempt could not begin.
  private struct StartFailure: Error {
    let reason: JobReason
    let cause: any Error
  }

  /// Returns when the attempt has ended, or, without having changed anything more, when the task is cancelled.
  /// - Parameter number: the attempt's; how far it is, the database says.
  func run(_ number: Int, of job: String) async throws {
    let attempt = try await database.attempt(number, of: job)
    guard !attempt.state.isTerminal else { return try await clean(after: attempt.container) }
    let end = try await untilEnd(of: attempt)
    try Task.checkCancellation()

    let job = try await database.job(attempt.job)
    let retries =
      [.failed, .outOfMemory, .lost].contains(end.state) && attempt.number <= job.request.retries
      && end.reason != .imageNotFound
    // Before the attempt's end is written: a daemon that ends in between comes here again.
    let isStopped = job.state == .stopping && end.state != .lost
    try await tracking.end(attempt, of: job, as: isStopped ? .stopped : end.state, time: end.time)
    let sealed = try await retries ? false : seal(job)
    _ = try await database.endAttempt(attempt, end, retry: retries, artifactsSealed: sealed)
    // In a task of its own, because a daemon that ends in this moment should not leave a mount behind.
    try await Task { try await clean(after: attempt.container) }.value
  }

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
  }

  private func untilEnd(of attempt: Attempt) async throws -> AttemptEnd {
    do {
      return try await withThrowingTaskGroup(of: AttemptEnd?.self) { group in
        group.addTask { try await startAndWait(attempt) }
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

  // MARK: Starting

  private func startAndWait(_ attempt: Attempt) async throws -> AttemptEnd {
    let job = try await database.job(attempt.job)
    if attempt.bootID != bootID(), let end = try await endBeforeBoot(attempt, job) { return end }

    var status = try await podman.status(of: attempt.container)
    if status?.phase == .created {
      try await podman.remove(attempt.container)
      status = nil
    }
    if status == nil {
      // A container that ran and is gone is not started again: what it did is done.
      guard attempt.state == .starting else {
        return AttemptEnd(
          .lost, .containerVanished, detail: "its container \(attempt.container) is gone", time: nanosecondsNow())
      }
      let digest = try await start(job, attempt)
      status = try await podman.status(of: attempt.container)
      _ = try await database.attemptRuns(attempt, startedAt: status?.startedAt ?? nanosecondsNow(), imageDigest: digest)
    } else if attempt.state == .starting {
      _ = try await database.attemptRuns(attempt, startedAt: status?.startedAt ?? nanosecondsNow(), imageDigest: nil)
    }
    let end = try await podman.wait(for: attempt.container, memoryLimit: job.request.memoryBytes)
    if case .ended(1, _, let time) = end, let cause = try startFailure(of: attempt) {
      return AttemptEnd(
        .failed, .exitCode, exitCode: 127, detail: "its command \(job.request.command[0]) could not be run: \(cause)",
        time: time)
    }
    return Self.end(of: end, memoryBytes: job.request.memoryBytes)
  }

  private func start(_ job: Job, _ attempt: Attempt) async throws -> String? {
    try await failing(.storageFailed) {
      if job.request.hasArtifacts { try await storage.createArtifacts(project: job.project, job: job.id) }
      if job.request.hasWorkspace {
        try await storage.createWorkspace(job: job.id, from: job.request.workspaceSnapshot)
      }
    }
    var digest: String?
    var overlay: HostOverlay?
    if job.request.image == JobRequest.hostImage {
      overlay = HostOverlay(directory: files.overlay(of: attempt.container))
      let overlay = overlay
      try await failing(.containerFailed) {
        try await overlay?.remove()
        try overlay?.mount()
      }
    } else {
      digest = try await failing(.imageNotFound) {
        try await podman.provide(image: job.request.image) {
          // Only tells; the job goes on without.
          try? await database.setDetail("pulling image \(job.request.image)", of: job.id)
        }
      }
    }
    try await failing(.containerFailed) {
      let environment = try await tracking.environment(of: attempt, of: job)
      try FileManager.default.createDirectory(
        atPath: files.logDirectory(of: job.id), withIntermediateDirectories: true)
      try await podman.start(
        ContainerSpecification(
          job: job, attempt: attempt, environment: environment, files: files, mount: storage.mount, overlay: overlay,
          masked: configuration.maskedPaths + [configuration.directory]))
    }
    return digest
  }

  /// What a container's init process wrote where it could not run the command; it ends with 1 then, as
  /// many commands do. nil: it ran.
  private func startFailure(of attempt: Attempt) throws -> String? {
    let log = ContainerLogFile(path: files.log(of: attempt.job, attempt: attempt.number))
    let lines = try log.read()
    let complaint = "failed to exec pid1: "
    guard lines.count == 1, lines[0].text.hasPrefix("ERROR (catatonit:"),
      let range = lines[0].text.firstRange(of: complaint)
    else { return nil }
    return String(lines[0].text[range.upperBound...])
  }

  private func failing<Value>(_ reason: JobReason, _ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch {
      throw StartFailure(reason: reason, cause: error)
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
          _ = try await database.stop(job.id, .timeLimit, graceSeconds: job.graceSeconds)
        }
      }
    }
    throw CancellationError()
  }

  private func stop(_ job: Job, _ attempt: Attempt) async throws -> AttemptEnd? {
    guard try await podman.status(of: attempt.container) != nil else {
      return AttemptEnd(.stopped, .requested, detail: "it was stopped before its command began", time: nanosecondsNow())
    }
    try await podman.signal(attempt.container, SIGTERM)
    try await Task.sleep(for: .seconds(job.graceSeconds))
    try await podman.signal(attempt.container, SIGKILL)
    return nil
  }

  // MARK: Ending

  /// How an attempt ended that began before the host was restarted; nil: it had not begun to run.
  private func endBeforeBoot(_ attempt: Attempt, _ job: Job) async throws -> AttemptEnd? {
    guard attempt.state != .starting else { return nil }
    if case .ended(let exitCode, let outOfMemory, let time)? = try await podman.status(of: attempt.container)?.phase,
      time > attempt.createdAt
    {
      return Self.end(
        of: .ended(exitCode: exitCode, outOfMemory: outOfMemory, at: time), memoryBytes: job.request.memoryBytes)
    }
    return AttemptEnd(.lost, .hostRestarted, detail: "the host was restarted while it ran", time: nanosecondsNow())
  }

  static func end(of end: ContainerEnd, memoryBytes: UInt64?) -> AttemptEnd {
    switch end {
    case .vanished:
      return AttemptEnd(
        .lost, .containerVanished,
        detail: "its container or the process that watched it vanished; nobody knows how it ended",
        time: nanosecondsNow())
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
