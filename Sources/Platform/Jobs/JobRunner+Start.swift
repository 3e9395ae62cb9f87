import Containers
import ControlDatabase
import FoundationEssentials
import GPUs
import Glibc
import JobStates
import Linux
import Secrets

/// From an attempt's first step to the end of its container.
extension JobRunner {
  /// - Parameter isNew: whether this process has just begun the attempt: then there is no container yet, and podman,
  ///   which takes its time for each answer, need not be asked.
  func startAndWait(_ attempt: Attempt, isNew: Bool) async throws -> AttemptEnd {
    let job = try await database.job(attempt.job)
    if attempt.bootID != configuration.bootID, let end = try await endBeforeBoot(attempt, job) { return end }
    switch isNew ? .absent : try await podman.progress(of: attempt.container) {
    case .begun:
      if attempt.state == .starting || attempt.process == nil { try await noteThatItRuns(attempt, of: job) }
    case .absent, .prepared:
      // A container that ran and is gone is not started again: what it did is done.
      let isGone = try await isNew ? false : attempt.state == .starting ? hasVanished(attempt) : true
      if isGone {
        return AttemptEnd(
          .lost, .containerVanished, detail: "its container \(attempt.container) is gone", time: nanosecondsNow())
      }
      try await start(job, attempt)
      try await reached(.containerStarted)
      // People see at once that it runs; what podman knows of it is noted after. Not its ports: who sees that it runs
      // wants to reach them.
      if (job.request.ports ?? []).isEmpty { _ = try await database.attemptRuns(attempt, startedAt: nanosecondsNow()) }
      try await noteThatItRuns(attempt, of: job)
    }
    try await reached(.running)
    let process = try await database.attempt(attempt.number, of: attempt.job).process
    let end = try await podman.wait(
      for: attempt.container, memoryLimit: job.request.memoryBytes,
      process: process.map { HostProcess(pid: $0.pid, startTicks: $0.startTicks) })
    try await reached(.containerEnded)
    if case .ended(1, _, let time) = end, let cause = try startFailure(of: attempt) {
      return AttemptEnd(
        .failed, .exitCode, exitCode: 127, detail: "its command \(job.request.command[0]) could not be run: \(cause)",
        time: time)
    }
    return Self.end(of: end, memoryBytes: job.request.memoryBytes)
  }

  /// Whether a container had been made and somebody has removed it. One that was made and never started is removed
  /// here, with its log, which the monitor makes before the command begins.
  private func hasVanished(_ attempt: Attempt) async throws -> Bool {
    let log = files.log(of: attempt.job, attempt: attempt.number)
    if try await podman.status(of: attempt.container) == nil { return access(log, F_OK) == 0 }
    guard unlink(log) == 0 || errno == ENOENT else { throw SystemError("unlink", log) }
    try await podman.remove(attempt.container)
    return false
  }

  private func noteThatItRuns(_ attempt: Attempt, of job: Job) async throws {
    let status = try await podman.status(of: attempt.container)
    let process = podman.process(of: attempt.container, status)
    let ports = try await podman.ports(of: attempt.container, (job.request.ports ?? []).map { ContainerPort($0) })
    let started = status.map(\.startedAt).flatMap { $0 > 0 ? $0 : nil } ?? nanosecondsNow()
    _ = try await database.attemptRuns(
      attempt, startedAt: started,
      process: process.map { ProcessHandle(pid: $0.pid, startTicks: $0.startTicks) },
      ports: ports.isEmpty ? nil : ports.map { PublishedPort($0) })
  }

  private func start(_ job: Job, _ attempt: Attempt) async throws {
    try await reached(.begun)
    try await failing(.storageFailed) {
      if job.request.hasArtifacts { try await storage.createArtifacts(project: job.project, job: job.id) }
      if job.request.hasWorkspace {
        try await storage.createWorkspace(job: job.id, from: job.request.workspaceSnapshot)
      }
    }
    try await reached(.volumesMade)
    let secrets = try await failing(.secretMissing) { try await JobSecrets(of: job.request, from: self.secrets) }
    let overlay = job.request.image == JobRequest.hostImage ? try await mountOverlay(attempt) : nil
    let image = overlay == nil ? try await provideImage(of: job, attempt) : ""
    try await reached(.rootMade)
    try await failing(.containerFailed) {
      if !secrets.isEmpty { try files.secrets(of: attempt.container).make(secrets.files.map(\.value)) }
      try await reached(.secretsMade)
      // By now its image is known.
      let environment = try await tracking.environment(of: attempt, of: database.job(job.id))
      try FileManager.default.createDirectory(
        atPath: files.logDirectory(of: job.id), withIntermediateDirectories: true)
      try await podman.start(
        ContainerSpecification(
          job: job, attempt: attempt, image: image, environment: environment, files: files, mount: storage.mount,
          gpus: try await devices.names(of: attempt.gpus), overlay: overlay,
          masked: configuration.maskedPaths + [configuration.directory], secrets: secrets))
    }
  }

  private func mountOverlay(_ attempt: Attempt) async throws -> HostOverlay {
    let overlay = HostOverlay(directory: files.overlay(of: attempt.container))
    try await failing(.containerFailed) {
      try await overlay.remove()
      try overlay.mount()
    }
    return overlay
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

  /// Runs a step whose failure is the attempt's. That podman was killed, or this task, is none: the step is repeated.
  func failing<Value>(_ reason: JobReason, _ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let error as ContainerError where error.isInterruption {
      throw error
    } catch {
      throw StartFailure(reason: reason, cause: error)
    }
  }
}

extension ContainerError {
  /// Whether the same may be tried again.
  var isInterruption: Bool { if case .interrupted = self { true } else { false } }
}
