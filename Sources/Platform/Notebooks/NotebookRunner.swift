import ControlDatabase
import JobStates
import Jobs
import Linux
import Logging
import NotebookStates

/// Takes one notebook from wherever it is to its stop, or to its end. Each step may be repeated, because the daemon may
/// end between any two: then the next one goes on from what it finds.
struct NotebookRunner: Sendable {
  private static let pause = Duration.milliseconds(200)
  /// Between two looks at what a notebook does, at most.
  private static let longestInterval = 15
  /// For its server to answer, once its job runs: a large image's first start reads much.
  private static let startSeconds = 600
  /// Snapshots of a notebook that are kept.
  private static let snapshotsKept = 10
  /// For kernels to end by themselves.
  private static let graceSeconds = 30

  let database: ControlDatabase
  let jobs: JobService
  let storage: any NotebookStorage
  let servers: NotebookServers
  let logger: Logger

  /// Returns when there is nothing to be done for the notebook any more.
  func run(_ id: String) async throws {
    while true {
      try Task.checkCancellation()
      let notebook = try await database.notebook(id)
      switch notebook.state {
      case .starting: try await start(notebook)
      case .running, .expiring: try await supervise(notebook)
      case .stopping: try await stop(notebook)
      case .removing: return try await remove(notebook)
      case .stopped, .failed: return
      }
    }
  }

  // MARK: Starting

  /// Returns when the server answers, or the notebook is to be stopped.
  private func start(_ notebook: Notebook) async throws {
    guard let id = notebook.job else { return try await fail(notebook, "it has no job; please report this") }
    do {
      try await NotebookVolumes(notebook: notebook.id).provide(for: notebook, in: storage)
      try servers.prepare(notebook, job: id)
      if try await job(id) == nil { _ = try await jobs.submit(servers.jobRequest(notebook, job: id), id: id) }
    } catch let error as ControlError {
      return try await fail(notebook, error.message)
    }
    var deadline: Int64?
    while try await database.notebook(notebook.id).state == .starting {
      guard let job = try await job(id) else { return try await fail(notebook, "its job \(id) was removed") }
      if job.state.isTerminal { return try await fail(notebook, Self.ending(of: job)) }
      if job.state == .running {
        if (try? await servers.activity(of: notebook)) != nil {
          _ = try await database.notebookRuns(notebook.id)
          return
        }
        let end = deadline ?? nanosecondsNow() + Int64(Self.startSeconds) * 1_000_000_000
        deadline = end
        guard nanosecondsNow() < end else {
          return try await fail(notebook, "its server did not answer within \(Self.startSeconds) s")
        }
      }
      try await Task.sleep(for: Self.pause)
    }
  }

  private func fail(_ notebook: Notebook, _ reason: String) async throws {
    _ = try await database.stopNotebook(notebook.id, .startFailed, detail: reason)
  }

  /// nil: there is none of this identifier.
  private func job(_ id: String) async throws -> Job? {
    do {
      return try await database.job(id)
    } catch let error as ControlError where error.code == .notFound {
      return nil
    }
  }

  private static func ending(of job: Job) -> String {
    "its job \(job.id) is \(job.state.rawValue)" + (job.detail.map { ": \($0)" } ?? "")
      + "; cairn job logs \(job.id) shows what it wrote"
  }

  // MARK: Running

  /// Returns when the notebook is to be stopped.
  private func supervise(_ notebook: Notebook) async throws {
    let request = notebook.request
    var watch = IdleWatch(
      startedAt: notebook.startedAt ?? nanosecondsNow(), now: nanosecondsNow(), idleSeconds: request.idleSeconds,
      lifetimeSeconds: request.lifetimeSeconds)
    var meter = UsageMeter(notebook, jobs)
    let shortest = [request.idleSeconds, request.lifetimeSeconds].compactMap { $0 }.min() ?? Self.longestInterval * 10
    let interval = Int64(min(max(shortest / 10, 1), Self.longestInterval)) * 1_000_000_000
    var next = nanosecondsNow() + interval
    while case let state = try await database.notebook(notebook.id).state, state.isReachable {
      guard let id = notebook.job, let job = try await job(id), !job.state.isTerminal, job.state != .stopping else {
        return try await serverEnded(notebook)
      }
      if nanosecondsNow() >= next {
        next = nanosecondsNow() + interval
        watch.note(await meter.observe(server: try? servers.activity(of: notebook)))
        if let saved = servers.lastSave(in: notebook.id) { watch.noteUse(at: saved) }
        try await act(on: watch.verdict(now: nanosecondsNow()), notebook)
      }
      try await Task.sleep(for: .seconds(1))
    }
  }

  private func act(on verdict: IdleWatch.Verdict, _ notebook: Notebook) async throws {
    switch verdict {
    case .goOn: try await database.setExpiring(notebook.id, nil, detail: nil)
    case .warn(let cause, let seconds):
      let reason = cause == .idle ? "it is idle" : "its time is nearly up"
      try await database.setExpiring(
        notebook.id, Self.reason(cause), detail: "\(reason): it will be stopped in \(seconds) s")
    case .stop(let cause): _ = try await database.stopNotebook(notebook.id, Self.reason(cause))
    }
  }

  private static func reason(_ cause: IdleWatch.Cause) -> NotebookReason { cause == .idle ? .idle : .lifetime }

  /// Somebody has stopped its job, shut the server down from within, or it crashed.
  private func serverEnded(_ notebook: Notebook) async throws {
    guard let id = notebook.job, let job = try await job(id) else {
      _ = try await database.stopNotebook(notebook.id, .serverEnded, detail: "its job was removed")
      return
    }
    let wasAsked = [.stopping, .stopped, .succeeded].contains(job.state)
    _ = try await database.stopNotebook(
      notebook.id, wasAsked ? .requested : .serverEnded, detail: wasAsked ? nil : Self.ending(of: job))
  }

  // MARK: Stopping

  private func stop(_ notebook: Notebook) async throws {
    if let id = notebook.job, let job = try await job(id) {
      if !job.state.isTerminal { _ = try await jobs.stop(id, grace: Self.graceSeconds) }
      _ = try await jobs.wait(for: id)
      try servers.remove(job: id)
    }
    // Where its server never answered, nobody has changed anything since the last one.
    let number = notebook.startedAt == nil ? nil : notebook.snapshots + 1
    if let number { try await NotebookVolumes(notebook: notebook.id).snapshot(number, in: storage) }
    try await database.notebookStopped(notebook.id, snapshot: number)
    for old in try await database.snapshots(of: notebook.id).dropLast(Self.snapshotsKept) {
      try await remove(snapshot: old.number, of: notebook.id)
    }
  }

  private func remove(snapshot number: Int, of notebook: String) async throws {
    let volumes = NotebookVolumes(notebook: notebook)
    try await storage.removeVolume(volumes.workspace(number))
    try await storage.removeVolume(volumes.environment(number))
    // The record last: whatever fails before can be tried again.
    try await database.removeSnapshot(number, of: notebook)
  }

  private func remove(_ notebook: Notebook) async throws {
    for snapshot in try await database.snapshots(of: notebook.id) {
      try await remove(snapshot: snapshot.number, of: notebook.id)
    }
    let volumes = NotebookVolumes(notebook: notebook.id)
    try await storage.removeVolume(volumes.workspace)
    try await storage.removeVolume(volumes.environment)
    try await storage.removeEmptyVolume(volumes.artifacts(of: notebook.project))
    for job in try await database.jobs(serving: ServedSubject(.notebook, notebook.id)) { try await jobs.remove(job.id) }
    try await database.removeNotebook(notebook.id)
  }
}

/// What a notebook's container takes of the host.
private struct UsageMeter {
  private let job: String?
  private let jobs: JobService
  private var last: UsageSample?

  init(_ notebook: Notebook, _ jobs: JobService) {
    job = notebook.job
    self.jobs = jobs
  }

  mutating func observe(server: JupyterActivity?) async -> IdleWatch.Observation {
    let sample: UsageSample? = if let job { await jobs.latestUsage(of: job) } else { nil }
    defer { last = sample ?? last }
    return IdleWatch.Observation(
      time: nanosecondsNow(), server: server,
      processorShare: last.flatMap { last in sample?.processorShare(since: last) },
      gpuPercent: sample?.gpus?.compactMap(\.utilizationPercent).max())
  }
}
