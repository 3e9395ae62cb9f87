import DeploymentStates

/// The body of `POST /v1/deployments`: what somebody asks to be served.
public struct NewDeployment: Codable, Equatable, Sendable {
  public var name: String
  public var specification: DeploymentChange
  public var scaling: ScalingChange?
  /// `none`, `token` or `basic`.
  public var authentication: String?
  /// How long an update may be without progress before the revision before comes back.
  public var deadlineSeconds: Int?

  public init(
    name: String, specification: DeploymentChange, scaling: ScalingChange? = nil, authentication: String? = nil,
    deadlineSeconds: Int? = nil
  ) {
    self.name = name
    self.specification = specification
    self.scaling = scaling
    self.authentication = authentication
    self.deadlineSeconds = deadlineSeconds
  }
}

/// What a revision runs, or how it differs from the one before: what is nil stays as it is, or is the default.
public struct DeploymentChange: Codable, Equatable, Sendable {
  /// `name:version` or `name:alias`.
  public var model: String?
  /// A server of Cairn's own for the model: `onnx`, `sklearn` or `mlflow`. It sets command and interface.
  public var runtime: String?
  /// As podman knows it, or `host` for the host's own root file system.
  public var image: String?
  /// Run as it is, by no shell; empty: the image's own.
  public var command: [String]?
  /// Added to what there is.
  public var environment: [String: String]?
  /// Where a replica listens; it has it in `$PORT` too.
  public var port: UInt16?
  /// What it speaks: `oip`, `openai`, `mlflow`, `raw` or `grpc`.
  public var interface: String?
  /// A path that is answered with 200 when the replica is ready, or `tcp`.
  public var readiness: String?
  /// A path that is answered with 200 while it lives, or `tcp`.
  public var liveness: String?
  public var startupSeconds: Int?
  /// Requests that one replica is given at a time.
  public var concurrency: Int?
  public var cpus: Double?
  public var memoryBytes: UInt64?
  /// Whole GPUs of a replica.
  public var gpus: Int?
  /// Names of secrets by variables, added to what there is.
  public var secrets: [String: String]?
  /// Names of secrets by the paths of files, added to what there is.
  public var secretFiles: [String: String]?
  public var drainSeconds: Int?

  public init() {}
}

/// What of a deployment's scaling is to change.
public struct ScalingChange: Codable, Equatable, Sendable {
  public var minimum: Int?
  public var maximum: Int?
  public var targetInFlight: Double?
  public var idleSeconds: Int?
  public var holdLimit: Int?
  public var holdSeconds: Int?

  public init() {}
}

/// The body of `POST /v1/deployments/{name}/update`.
public struct DeploymentUpdate: Codable, Equatable, Sendable {
  public var change: DeploymentChange
  /// The new revision's share of the requests, 1 to 99; nil: all of them.
  public var canaryPercent: Int?
  public var deadlineSeconds: Int?
  /// New credentials of this kind; nil: those that there are.
  public var authentication: String?

  public init(
    change: DeploymentChange, canaryPercent: Int? = nil, deadlineSeconds: Int? = nil, authentication: String? = nil
  ) {
    self.change = change
    self.canaryPercent = canaryPercent
    self.deadlineSeconds = deadlineSeconds
    self.authentication = authentication
  }
}

/// The body of `POST /v1/deployments/{name}/rollback`.
public struct RollbackRequest: Codable, Equatable, Sendable {
  /// nil: the one that served before.
  public var revision: Int?

  public init(revision: Int? = nil) { self.revision = revision }
}

/// A deployment. Times are nanoseconds since 1970.
public struct Deployment: Codable, Equatable, Sendable {
  public var name: String
  public var state: DeploymentState
  /// A sentence for people, where there is more to say than the state.
  public var detail: String?
  /// nil: HAProxy listens on no TCP address.
  public var url: String?
  public var model: String?
  public var image: String
  /// The revision that is to serve.
  public var revision: Int
  /// The revision that serves; nil: none has been ready yet.
  public var stableRevision: Int?
  public var canaryPercent: Int?
  /// Replicas wanted now, and those that are ready.
  public var replicas: Int
  public var readyReplicas: Int
  public var scaling: DeploymentScaling
  public var authentication: String
  public var traffic: DeploymentTraffic
  public var createdNanoseconds: Int64

  public init(
    name: String, state: DeploymentState, detail: String?, url: String?, model: String?, image: String,
    revision: Int, stableRevision: Int?, canaryPercent: Int?, replicas: Int, readyReplicas: Int,
    scaling: DeploymentScaling, authentication: String, traffic: DeploymentTraffic, createdNanoseconds: Int64
  ) {
    self.name = name
    self.state = state
    self.detail = detail
    self.url = url
    self.model = model
    self.image = image
    self.revision = revision
    self.stableRevision = stableRevision
    self.canaryPercent = canaryPercent
    self.replicas = replicas
    self.readyReplicas = readyReplicas
    self.scaling = scaling
    self.authentication = authentication
    self.traffic = traffic
    self.createdNanoseconds = createdNanoseconds
  }
}

public struct DeploymentScaling: Codable, Equatable, Sendable {
  public var minimum: Int
  public var maximum: Int
  /// Requests in flight that one replica is to have.
  public var targetInFlight: Double
  public var idleSeconds: Int
  /// Requests held while there is no replica, and for how long.
  public var holdLimit: Int
  public var holdSeconds: Int

  public init(
    minimum: Int, maximum: Int, targetInFlight: Double, idleSeconds: Int, holdLimit: Int, holdSeconds: Int
  ) {
    self.minimum = minimum
    self.maximum = maximum
    self.targetInFlight = targetInFlight
    self.idleSeconds = idleSeconds
    self.holdLimit = holdLimit
    self.holdSeconds = holdSeconds
  }
}

/// Requests since the control plane's start.
public struct DeploymentTraffic: Codable, Equatable, Sendable {
  public var requests: Int
  /// A second, over the last minute.
  public var rate: Double
  public var bytes: Int
  /// By the first digit of the status, such as `2xx`.
  public var statuses: [String: Int]
  /// The latency histogram: how many requests took no longer than each bound, and longer than the one before. The last
  /// class has no bound.
  public var latency: [LatencyClass]
  /// The bound that half, and 99 of 100, of the requests are within; nil: none came, or it is above the last bound.
  public var p50Milliseconds: Int?
  public var p99Milliseconds: Int?

  public init(
    requests: Int, rate: Double, bytes: Int, statuses: [String: Int], latency: [LatencyClass], p50Milliseconds: Int?,
    p99Milliseconds: Int?
  ) {
    self.requests = requests
    self.rate = rate
    self.bytes = bytes
    self.statuses = statuses
    self.latency = latency
    self.p50Milliseconds = p50Milliseconds
    self.p99Milliseconds = p99Milliseconds
  }
}

public struct LatencyClass: Codable, Equatable, Sendable {
  /// nil: no bound.
  public var milliseconds: Int?
  public var requests: Int

  public init(milliseconds: Int?, requests: Int) {
    self.milliseconds = milliseconds
    self.requests = requests
  }
}

/// `GET /v1/deployments`: by name.
public struct DeploymentList: Codable, Equatable, Sendable {
  public var deployments: [Deployment]

  public init(deployments: [Deployment]) { self.deployments = deployments }
}

/// Credentials, shown once.
public struct DeploymentCredentials: Codable, Equatable, Sendable {
  /// `token` or `basic`.
  public var kind: String
  public var user: String?
  /// The token or the password.
  public var secret: String

  public init(kind: String, user: String?, secret: String) {
    self.kind = kind
    self.user = user
    self.secret = secret
  }
}

/// What a creation and an update answer.
public struct DeploymentAnswer: Codable, Equatable, Sendable {
  public var deployment: Deployment
  /// nil: none were made.
  public var credentials: DeploymentCredentials?

  public init(deployment: Deployment, credentials: DeploymentCredentials?) {
    self.deployment = deployment
    self.credentials = credentials
  }
}
