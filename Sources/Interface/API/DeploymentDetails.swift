import DeploymentStates

/// `GET /v1/deployments/{name}`
public struct DeploymentDetails: Codable, Equatable, Sendable {
  public var deployment: Deployment
  /// The newest first.
  public var revisions: [DeploymentRevision]
  /// The oldest first.
  public var replicas: [DeploymentReplica]
  /// The last ones, the oldest first.
  public var events: [DeploymentEventEntry]

  public init(
    deployment: Deployment, revisions: [DeploymentRevision], replicas: [DeploymentReplica],
    events: [DeploymentEventEntry]
  ) {
    self.deployment = deployment
    self.revisions = revisions
    self.replicas = replicas
    self.events = events
  }
}

/// What a deployment runs, or ran. Never changes.
public struct DeploymentRevision: Codable, Equatable, Sendable {
  public var number: Int
  /// Of what it runs: two with the same digest are the same.
  public var digest: String
  /// With the version that an alias stood for.
  public var model: String?
  /// The volume number of the model's snapshot.
  public var modelSnapshot: UInt32?
  public var image: String
  public var command: [String]
  public var environment: [String: String]
  public var port: UInt16
  public var interface: String
  /// Processors, memory and whole GPUs of a replica; nil: no limit, and none.
  public var cpus: Double?
  public var memoryBytes: UInt64?
  public var gpus: Int?
  /// Names of secrets by variables, and by the paths of files; their values are never told.
  public var secrets: [String: String]
  public var secretFiles: [String: String]
  public var createdNanoseconds: Int64

  public init(
    number: Int, digest: String, model: String?, modelSnapshot: UInt32?, image: String, command: [String],
    environment: [String: String], port: UInt16, interface: String, cpus: Double?, memoryBytes: UInt64?, gpus: Int?,
    secrets: [String: String], secretFiles: [String: String], createdNanoseconds: Int64
  ) {
    self.number = number
    self.digest = digest
    self.model = model
    self.modelSnapshot = modelSnapshot
    self.image = image
    self.command = command
    self.environment = environment
    self.port = port
    self.interface = interface
    self.cpus = cpus
    self.memoryBytes = memoryBytes
    self.gpus = gpus
    self.secrets = secrets
    self.secretFiles = secretFiles
    self.createdNanoseconds = createdNanoseconds
  }
}

/// One of the containers that serve a deployment, and those that take its place when it crashes.
public struct DeploymentReplica: Codable, Equatable, Sendable {
  public var id: String
  public var revision: Int
  public var state: ReplicaState
  public var detail: String?
  public var container: String
  /// How often it has been started, from 1.
  public var attempt: Int
  /// Where it listens; nil: not known yet.
  public var address: String?
  public var createdNanoseconds: Int64
  public var startedNanoseconds: Int64?
  public var readyNanoseconds: Int64?

  public init(
    id: String, revision: Int, state: ReplicaState, detail: String?, container: String, attempt: Int,
    address: String?, createdNanoseconds: Int64, startedNanoseconds: Int64?, readyNanoseconds: Int64?
  ) {
    self.id = id
    self.revision = revision
    self.state = state
    self.detail = detail
    self.container = container
    self.attempt = attempt
    self.address = address
    self.createdNanoseconds = createdNanoseconds
    self.startedNanoseconds = startedNanoseconds
    self.readyNanoseconds = readyNanoseconds
  }
}

/// Something that happened to a deployment.
public struct DeploymentEventEntry: Codable, Equatable, Sendable {
  public var sequence: Int64
  public var timeNanoseconds: Int64
  public var kind: String
  public var detail: String?

  public init(sequence: Int64, timeNanoseconds: Int64, kind: String, detail: String?) {
    self.sequence = sequence
    self.timeNanoseconds = timeNanoseconds
    self.kind = kind
    self.detail = detail
  }
}

/// A line that a replica wrote; `GET /v1/deployments/{name}/logs` has one a line.
public struct ReplicaLogLine: Codable, Equatable, Sendable {
  public var container: String
  public var line: LogLine

  public init(container: String, line: LogLine) {
    self.container = container
    self.line = line
  }
}

/// A request; `GET /v1/deployments/{name}/requests`.
public struct DeploymentRequestEntry: Codable, Equatable, Sendable {
  public var timeNanoseconds: Int64
  /// The replica's container; nil: the proxy answered.
  public var container: String?
  public var status: Int
  public var milliseconds: Int
  public var bytes: Int
  public var client: String
  public var method: String
  public var path: String

  public init(
    timeNanoseconds: Int64, container: String?, status: Int, milliseconds: Int, bytes: Int, client: String,
    method: String, path: String
  ) {
    self.timeNanoseconds = timeNanoseconds
    self.container = container
    self.status = status
    self.milliseconds = milliseconds
    self.bytes = bytes
    self.client = client
    self.method = method
    self.path = path
  }
}

/// The oldest first.
public struct DeploymentRequestList: Codable, Equatable, Sendable {
  public var requests: [DeploymentRequestEntry]

  public init(requests: [DeploymentRequestEntry]) { self.requests = requests }
}
