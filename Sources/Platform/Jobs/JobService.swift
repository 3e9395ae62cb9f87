import Containers
import ControlDatabase
import GPUs
import JobStates

/// Where the job service keeps its files and how it treats jobs.
public struct JobConfiguration: Sendable {
  /// The control plane's directory: `logs/<job>/`, `overlays/<job>/`.
  public var directory: String
  /// Host paths that a job on the host's root file system must not see: state, keys, sockets.
  public var maskedPaths: [String]

  public init(directory: String, maskedPaths: [String]) {
    self.directory = directory
    self.maskedPaths = maskedPaths
  }
}

/// Which jobs a list is about. What is nil does not narrow it.
public struct JobFilter: Sendable {
  public var project: String?
  public var states: Set<JobState>?
  /// At most this many, the newest.
  public var limit: Int

  public init(project: String? = nil, states: Set<JobState>? = nil, limit: Int = 100) {
    self.project = project
    self.states = states
    self.limit = limit
  }
}

/// Jobs from submission to removal.
public actor JobService {
  let configuration: JobConfiguration
  let database: ControlDatabase
  let podman: Podman
  let gpus: [GPU]
  let storage: any JobStorage

  public init(
    configuration: JobConfiguration, database: ControlDatabase, podman: Podman, gpus: [GPU],
    storage: any JobStorage
  ) {
    self.configuration = configuration
    self.database = database
    self.podman = podman
    self.gpus = gpus
    self.storage = storage
  }

  /// Picks up what an earlier daemon left, then runs jobs until it is cancelled. Containers outlive it.
  public func run() async throws {}

  /// Queues a job. The project is made if need be.
  /// - Throws: ``ControlError`` `invalid` where the request asks for what cannot be, such as more GPUs than there are.
  public func submit(_ request: JobRequest) async throws -> Job {
    throw ControlError(.unavailable, subject: request.image, "not built yet")
  }

  /// The newest first.
  public func list(_ filter: JobFilter = JobFilter()) async throws -> [Job] { [] }

  /// The job with this identifier, this unique prefix of one, or this name. Where several have the
  /// name and all but one have ended, it is the one that has not.
  /// - Throws: ``ControlError`` `notFound`, or `ambiguous` with the candidates named.
  public func find(_ reference: String, project: String? = nil) async throws -> Job {
    throw ControlError(.notFound, subject: reference, "not built yet")
  }

  /// A job's attempts, the first first. `job` is a full identifier, as in all that follows.
  public func attempts(of job: String) async throws -> [Attempt] { [] }

  /// Stops a job: SIGTERM, and SIGKILL after `grace` seconds. Returns at once; ``wait(for:)`` tells the end.
  /// A job that is stopping or has ended stays as it is.
  public func stop(_ job: String, grace: Int = 30) async throws -> Job { try await find(job) }

  /// Removes an ended job's record, log and workspace; its artifacts only if asked to.
  /// - Throws: ``ControlError`` `conflict` while it has not ended.
  public func remove(_ job: String, artifacts: Bool = false) async throws {}

  /// Returns the job when it has ended.
  public func wait(for job: String) async throws -> Job { try await find(job) }

  /// What a job wrote, oldest first; with `follow` until it ends, else until now.
  /// - Parameters:
  ///   - attempt: nil: the last one, and with `follow` each that comes after.
  ///   - tail: begin this many lines before the end; nil: at the beginning.
  public nonisolated func logs(
    of job: String, attempt: Int? = nil, follow: Bool = false, tail: Int? = nil
  ) -> AsyncThrowingStream<LogLine, any Error> { AsyncThrowingStream { $0.finish() } }

  /// Events after the one with this number, oldest first; with `follow` without end.
  /// - Parameter subject: only those about this job or project.
  public nonisolated func events(
    after sequence: Int64 = 0, subject: String? = nil, follow: Bool = false
  ) -> AsyncThrowingStream<Event, any Error> { AsyncThrowingStream { $0.finish() } }

  /// This host's GPUs and who holds them.
  public func gpuStatus() async throws -> [GPUStatus] { [] }

  /// What this host offers to containers.
  public func hostReport() -> HostReport { podman.host }
}
