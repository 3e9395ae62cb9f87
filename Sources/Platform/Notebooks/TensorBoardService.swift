public import ControlDatabase
import FoundationEssentials
import JobStates
public import Jobs
import Linux
public import Logging
import UnixHTTP

/// A TensorBoard for each job that somebody wants to look at: a small job of its own that sees the other's artifacts,
/// live and read-only, and ends when nobody looks any more.
public actor TensorBoardService {
  /// Without a request, a TensorBoard is stopped after so many seconds.
  struct Patience: Sendable {
    /// While its job goes on.
    var running = 7200.0
    /// When there is nothing new to be seen.
    var ended = 900.0
    /// Between two looks.
    var interval = 10.0
  }

  /// How far a TensorBoard is.
  public struct Status: Sendable {
    /// Its own job.
    public let job: Job
    /// Whether it answers.
    public let isReady: Bool
  }

  private let database: ControlDatabase
  private let jobs: JobService
  private let storage: any JobStorage
  private nonisolated let directory: String
  private let patience: Patience
  private let logger: Logger
  /// When each was asked for something last, by its own job. After a restart of the daemon they count anew.
  private var lastUse: [String: ContinuousClock.Instant] = [:]
  /// By the job whose artifacts are to be shown.
  private var opening: [String: Task<Job, any Error>] = [:]

  /// - Parameter directory: for the sockets of servers; see ``ServerDirectory``.
  public init(
    directory: String, database: ControlDatabase, jobs: JobService, storage: any JobStorage, logger: Logger
  ) {
    self.init(
      directory: directory, database: database, jobs: jobs, storage: storage, patience: Patience(), logger: logger)
  }

  init(
    directory: String, database: ControlDatabase, jobs: JobService, storage: any JobStorage, patience: Patience,
    logger: Logger
  ) {
    self.directory = directory
    self.database = database
    self.jobs = jobs
    self.storage = storage
    self.patience = patience
    self.logger = logger
  }

  public static func prefix(of job: String) -> String { "/tensorboard/\(job)/" }

  /// Stops those that nobody uses, until it is cancelled.
  public func run() async throws {
    while true {
      do {
        for job in try await database.unfinishedJobs() { try await look(at: job) }
        try await removeDirectories()
      } catch {
        try Task.checkCancellation()
        logger.warning("TensorBoards are not looked after: \(error)")
      }
      try await Task.sleep(for: .seconds(patience.interval))
    }
  }

  /// Those of TensorBoards that have ended.
  private func removeDirectories() async throws {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
      guard let job = try? await database.job(name), job.request.serves?.kind == .tensorBoard, job.state.isTerminal
      else {
        continue
      }
      try ServerDirectory(parent: directory, job: name).remove()
    }
  }

  private func look(at job: Job) async throws {
    guard let subject = job.request.serves, subject.kind == .tensorBoard, job.state != .stopping else { return }
    let last = lastUse[job.id] ?? .now
    lastUse[job.id] = last
    let isLive = try await database.jobs(matching: subject.id, project: nil).first.map { !$0.state.isTerminal } ?? false
    let idle = (ContinuousClock.now - last) / .seconds(1)
    if idle >= (isLive ? patience.running : patience.ended) {
      lastUse[job.id] = nil
      _ = try await jobs.stop(job.id, grace: 5)
    }
  }

  /// Opens one for the artifacts of a job, unless it is open.
  /// - Parameter onHost: whether the host's TensorBoard is taken, not that of the job's image.
  /// - Returns: its own job.
  public func open(for job: Job, onHost: Bool = false) async throws -> Job {
    // Two who ask at once get the same one.
    if let task = opening[job.id] { return try await task.value }
    let task = Task { try await start(for: job, onHost: onHost) }
    opening[job.id] = task
    defer { opening[job.id] = nil }
    return try await task.value
  }

  private func start(for job: Job, onHost: Bool) async throws -> Job {
    guard job.request.serves == nil else {
      throw ControlError(.conflict, subject: job.id, "job \(job.name) is a server itself, and has nothing to show")
    }
    for old in try await database.jobs(serving: ServedSubject(.tensorBoard, job.id)) {
      if old.state.isTerminal {
        try ServerDirectory(parent: directory, job: old.id).remove()
        try await jobs.remove(old.id)
      } else if old.state != .stopping {
        return old
      }
    }
    // A job that waits has none yet; one that has ended may have none any more.
    if !job.state.isTerminal { try await storage.createArtifacts(project: job.project, job: job.id) }
    let id = Names.newIdentifier()
    let server = ServerDirectory(parent: directory, job: id)
    try server.prepare(program: PackageResources.start_tensorboard_py, token: nil)
    var request = JobRequest(
      project: job.project, name: String("tensorboard-\(job.name)".prefix(64)),
      image: onHost ? JobRequest.hostImage : job.request.image,
      command: [
        "python3", "\(ServerDirectory.mountPoint)/\(ServerDirectory.program)", Self.prefix(of: job.id),
      ],
      // What is in the job's environment, such as a path, is the image's.
      environment: onHost ? [:] : job.request.environment)
    if !onHost {
      request.registrySecret = job.request.registrySecret
      request.pinnedImage = job.pinnedImage
    }
    request.serves = ServedSubject(.tensorBoard, job.id)
    request.directories = [
      MountedDirectory("artifacts/\(job.project)/\(job.id)", at: "/artifacts", isReadOnly: true), server.mounted,
    ]
    lastUse[id] = .now
    return try await jobs.submit(request, id: id)
  }

  /// The one that shows a job's artifacts, or did last; nil: there was none.
  public func status(of job: String) async throws -> Status? {
    guard let own = try await current(of: job) else { return nil }
    guard own.state == .running else { return Status(job: own, isReady: false) }
    let client = UnixHTTPClient(untrustedSocketPath: ServerDirectory(parent: directory, job: own.id).socket)
    let answer = try? await client.request("GET", Self.prefix(of: job) + "data/environment", idleSeconds: 5)
    return Status(job: own, isReady: answer?.status == 200)
  }

  private func current(of job: String) async throws -> Job? {
    try await database.jobs(serving: ServedSubject(.tensorBoard, job)).first
  }

  /// The server that shows a job's artifacts. Who asks for it uses it.
  /// - Throws: ``ControlError`` `conflict` with what to do where none is open.
  public func server(of job: String) async throws -> ReachableServer {
    guard let own = try await current(of: job), !own.state.isTerminal else {
      throw ControlError(
        .conflict, subject: job, "no TensorBoard of job \(job) is open; open one: cairn job tensorboard \(job)")
    }
    lastUse[own.id] = .now
    return ReachableServer(socket: ServerDirectory(parent: directory, job: own.id).socket, authorization: nil)
  }
}
