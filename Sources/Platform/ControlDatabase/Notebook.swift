public import JobStates
public import NotebookStates

/// What somebody asks a notebook to be.
public struct NotebookRequest: Hashable, Codable, Sendable {
  public var project: String
  /// nil: the notebook's identifier.
  public var name: String?
  /// As podman knows it, or ``JobRequest/hostImage``.
  public var image: String
  /// The Python that has JupyterLab: a name that is found in the image's path, or a path.
  public var python: String
  public var environment: [String: String]
  /// Secrets that it is given; nil: none.
  public var secrets: [SecretUse]?
  public var gpus: Int
  /// Processors, such as 1.5; nil: no limit.
  public var cpus: Double?
  /// nil: no limit.
  public var memoryBytes: UInt64?
  /// The volume number of the snapshot that the workspace begins as; nil: an empty workspace.
  public var workspaceSnapshot: UInt32?
  /// It is stopped when it has had nothing to do for so long; nil: never.
  public var idleSeconds: Int?
  /// It is stopped when it has run for so long; nil: never.
  public var lifetimeSeconds: Int?

  public init(
    project: String, name: String? = nil, image: String, python: String = "python3",
    environment: [String: String] = [:], secrets: [SecretUse]? = nil, gpus: Int = 0, cpus: Double? = nil,
    memoryBytes: UInt64? = nil,
    workspaceSnapshot: UInt32? = nil, idleSeconds: Int? = nil, lifetimeSeconds: Int? = nil
  ) {
    self.project = project
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

/// A JupyterLab server, whose workspace and environment outlive its stops.
public struct Notebook: Hashable, Codable, Sendable {
  public let id: String
  /// As given, or the identifier; no two have the same.
  public let name: String
  public let request: NotebookRequest

  public internal(set) var state: NotebookState
  public internal(set) var reason: NotebookReason
  /// A sentence for people, where there is more to say than the reason.
  public internal(set) var detail: String?
  /// Its present job, or its last one; nil: it was never started. Known before the job is there.
  public internal(set) var job: String?
  /// The snapshots that were made of it so far: the next one's number is one more.
  public internal(set) var snapshots: Int
  /// What it began as: a notebook and, of that, a snapshot or else its state at the time.
  public let source: NotebookSource?
  /// Nanoseconds since 1970, as are all times here.
  public let createdAt: Int64
  /// When its server answered first since it was started last.
  public internal(set) var startedAt: Int64?
  /// nil while it is active.
  public internal(set) var stoppedAt: Int64?

  public var project: String { request.project }
}

/// What a fork is a clone of.
public struct NotebookSource: Hashable, Codable, Sendable {
  public var notebook: String
  /// The number of one of its snapshots; nil: what it was at the time.
  public var snapshot: Int?

  public init(notebook: String, snapshot: Int? = nil) {
    self.notebook = notebook
    self.snapshot = snapshot
  }
}

/// What a notebook was when it was stopped.
public struct NotebookSnapshot: Hashable, Codable, Sendable {
  public let notebook: String
  /// From 1.
  public let number: Int
  public let createdAt: Int64
}
