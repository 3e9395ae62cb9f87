public import JobStates
public import NotebookStates

/// The body of `POST /v1/notebooks`. What is left out has the default given here.
public struct NewNotebook: Codable, Equatable, Sendable {
  /// nil: made from `directory`.
  public var project: String?
  /// The name of the directory that it is started in.
  public var directory: String?
  /// nil: its identifier.
  public var name: String?
  /// nil: `host`.
  public var image: String?
  /// The Python that has JupyterLab; nil: `python3`.
  public var python: String?
  public var environment: [String: String]?
  public var secrets: [SecretUse]?
  public var gpus: Int?
  public var cpus: Double?
  public var memoryBytes: UInt64?
  /// The volume number of a snapshot; nil: an empty workspace.
  public var workspaceSnapshot: UInt32?
  /// nil: an hour; 0: it is never stopped for being idle.
  public var idleSeconds: Int?
  /// nil or 0: none.
  public var lifetimeSeconds: Int?

  public init(
    project: String? = nil, directory: String? = nil, name: String? = nil, image: String? = nil, python: String? = nil,
    environment: [String: String]? = nil, secrets: [SecretUse]? = nil, gpus: Int? = nil, cpus: Double? = nil,
    memoryBytes: UInt64? = nil,
    workspaceSnapshot: UInt32? = nil, idleSeconds: Int? = nil, lifetimeSeconds: Int? = nil
  ) {
    self.project = project
    self.directory = directory
    self.name = name
    self.image = image
    self.python = python
    self.environment = environment
    self.secrets = secrets
    self.gpus = gpus
    self.cpus = cpus
    self.memoryBytes = memoryBytes
    self.workspaceSnapshot = workspaceSnapshot
    self.idleSeconds = idleSeconds
    self.lifetimeSeconds = lifetimeSeconds
  }
}

/// A notebook. Times are nanoseconds since 1970.
public struct Notebook: Codable, Equatable, Sendable, Identifiable {
  public var id: String
  public var name: String
  public var project: String
  public var image: String
  public var gpus: Int
  public var cpus: Double?
  public var memoryBytes: UInt64?
  /// nil: it is never stopped for being idle.
  public var idleSeconds: Int?
  /// nil: it may run for ever.
  public var lifetimeSeconds: Int?
  public var state: NotebookState
  public var reason: NotebookReason
  /// A sentence for people, where there is more to say than the reason.
  public var detail: String?
  /// Its present job, or its last one.
  public var job: String?
  /// The notebook that it is a fork of.
  public var forkOf: String?
  /// Its address, where the daemon listens; nil: nowhere.
  public var url: String?
  public var createdNanoseconds: Int64
  /// When its server answered first since it was started last.
  public var startedNanoseconds: Int64?
  public var stoppedNanoseconds: Int64?

  public init(
    id: String, name: String, project: String, image: String, gpus: Int = 0, cpus: Double? = nil,
    memoryBytes: UInt64? = nil, idleSeconds: Int? = nil, lifetimeSeconds: Int? = nil, state: NotebookState,
    reason: NotebookReason, detail: String? = nil, job: String? = nil, forkOf: String? = nil, url: String? = nil,
    createdNanoseconds: Int64, startedNanoseconds: Int64? = nil, stoppedNanoseconds: Int64? = nil
  ) {
    self.id = id
    self.name = name
    self.project = project
    self.image = image
    self.gpus = gpus
    self.cpus = cpus
    self.memoryBytes = memoryBytes
    self.idleSeconds = idleSeconds
    self.lifetimeSeconds = lifetimeSeconds
    self.state = state
    self.reason = reason
    self.detail = detail
    self.job = job
    self.forkOf = forkOf
    self.url = url
    self.createdNanoseconds = createdNanoseconds
    self.startedNanoseconds = startedNanoseconds
    self.stoppedNanoseconds = stoppedNanoseconds
  }
}

/// `GET /v1/notebooks`: the newest first.
public struct NotebookList: Codable, Equatable, Sendable {
  public var notebooks: [Notebook]

  public init(notebooks: [Notebook]) { self.notebooks = notebooks }
}

/// `GET /v1/notebooks/{notebook}`: a notebook and what it was at its last stops, the oldest first.
public struct NotebookDetails: Codable, Equatable, Sendable {
  public var notebook: Notebook
  public var snapshots: [NotebookSnapshot]

  public init(notebook: Notebook, snapshots: [NotebookSnapshot]) {
    self.notebook = notebook
    self.snapshots = snapshots
  }
}

/// What a notebook was when it was stopped.
public struct NotebookSnapshot: Codable, Equatable, Sendable {
  /// From 1.
  public var number: Int
  public var createdNanoseconds: Int64
  /// Where its workspace is under the mount.
  public var workspace: String

  public init(number: Int, createdNanoseconds: Int64, workspace: String) {
    self.number = number
    self.createdNanoseconds = createdNanoseconds
    self.workspace = workspace
  }
}

/// The body of `POST /v1/notebooks/{notebook}/fork`.
public struct NotebookFork: Codable, Equatable, Sendable {
  /// nil: the fork's identifier.
  public var name: String?
  /// nil: the original's.
  public var project: String?
  /// The number of a snapshot; nil: what it is now.
  public var snapshot: Int?

  public init(name: String? = nil, project: String? = nil, snapshot: Int? = nil) {
    self.name = name
    self.project = project
    self.snapshot = snapshot
  }
}

/// An address for a browser, which lets whoever has it in: it is good for some minutes, and for a browser that has used it
/// in time.
public struct ServerAddress: Codable, Equatable, Sendable {
  public var url: String

  public init(url: String) { self.url = url }
}

/// `/v1/jobs/{job}/tensorboard`: how far the TensorBoard of a job is.
public struct TensorBoardStatus: Codable, Equatable, Sendable {
  /// Its own job.
  public var job: Job
  /// Whether it answers.
  public var isReady: Bool
  /// See ``ServerAddress``.
  public var url: String

  public init(job: Job, isReady: Bool, url: String) {
    self.job = job
    self.isReady = isReady
    self.url = url
  }
}
