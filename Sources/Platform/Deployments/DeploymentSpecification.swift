/// What a revision of a deployment runs. Immutable once it is a revision.
public struct DeploymentSpecification: Hashable, Codable, Sendable {
  /// The name of the image that means the host's own root file system.
  public static let hostImage = "host"
  /// Where a replica listens unless told otherwise.
  public static let defaultPort: UInt16 = 8080

  /// What the replicas speak, which decides the default probes and who answers the Open Inference Protocol.
  public enum Interface: String, Codable, CaseIterable, Sendable {
    /// The Open Inference Protocol: `/v2/…` is passed through.
    case oip
    /// OpenAI's, such as vLLM's.
    case openai
    /// MLflow's scoring server: `/invocations`, `/ping`.
    case mlflow
    /// Anything over HTTP/1.1.
    case raw
    /// gRPC, or anything else over HTTP/2 without TLS.
    case grpc
  }

  /// The model as it was asked for, such as `digits:3` or `digits:champion`; nil: none.
  public var model: String?
  /// As podman knows it, or ``hostImage``.
  public var image: String
  /// Run as it is, by no shell; empty: the image's own.
  public var command: [String]
  public var environment: [String: String]
  /// Where the replica listens, in a network of its own. On a host without one it is given another in `$PORT`.
  public var port: UInt16
  public var interface: Interface
  public var probes: Probes
  /// Requests that one replica is given at a time; more wait. nil: no limit.
  public var concurrency: Int?
  /// Processors, such as 1.5; nil: no limit.
  public var cpus: Double?
  /// nil: no limit.
  public var memoryBytes: UInt64?
  /// Whole GPUs; nil: none.
  public var gpus: Int?
  /// Names of secrets that all projects may have, by the variables that have their values; nil: none.
  public var secrets: [String: String]?
  /// Names of such secrets, by the paths of the files in memory that have their values; nil: none.
  public var secretFiles: [String: String]?
  /// How long requests may take to end when a replica is taken away.
  public var drainSeconds: Int
  /// Between SIGTERM and SIGKILL, after that.
  public var graceSeconds: Int

  /// The secrets, each once.
  var secretNames: Set<String> { Set((secrets ?? [:]).values).union((secretFiles ?? [:]).values) }

  public init(
    model: String? = nil, image: String = DeploymentSpecification.hostImage, command: [String] = [],
    environment: [String: String] = [:], port: UInt16 = DeploymentSpecification.defaultPort,
    interface: Interface = .raw, probes: Probes? = nil, concurrency: Int? = nil, cpus: Double? = nil,
    memoryBytes: UInt64? = nil, drainSeconds: Int = 30, graceSeconds: Int = 10
  ) {
    self.model = model
    self.image = image
    self.command = command
    self.environment = environment
    self.port = port
    self.interface = interface
    self.probes = probes ?? Probes(for: interface)
    self.concurrency = concurrency
    self.cpus = cpus
    self.memoryBytes = memoryBytes
    self.drainSeconds = drainSeconds
    self.graceSeconds = graceSeconds
  }
}

/// How many replicas, and who decides. Not part of a revision: a rollback does not change it.
public struct Scaling: Hashable, Codable, Sendable {
  public var minimum: Int
  public var maximum: Int
  /// Requests in flight that one replica is to have; above it there are more replicas.
  public var targetInFlight: Double
  /// Without a request for so long, replicas go: down to ``minimum``, which may be 0.
  public var idleSeconds: Int
  /// Requests held while there is no replica; one more is answered 503.
  public var holdLimit: Int
  /// How long a request is held, at most.
  public var holdSeconds: Int

  public init(
    minimum: Int, maximum: Int, targetInFlight: Double = 4, idleSeconds: Int = 300, holdLimit: Int = 100,
    holdSeconds: Int = 60
  ) {
    self.minimum = minimum
    self.maximum = maximum
    self.targetInFlight = targetInFlight
    self.idleSeconds = idleSeconds
    self.holdLimit = holdLimit
    self.holdSeconds = holdSeconds
  }

  /// A number that nobody but the user changes.
  public static func fixed(_ replicas: Int) -> Scaling { Scaling(minimum: replicas, maximum: replicas) }
}

/// How a deployment goes from one revision to the next.
public struct Rollout: Hashable, Codable, Sendable {
  /// Share of the requests that the new revision gets for the time being, 1 to 99; nil: it replaces the old one.
  public var canaryPercent: Int?
  /// Without a further replica of the new revision becoming ready for so long, the old one comes back.
  public var deadlineSeconds: Int

  public init(canaryPercent: Int? = nil, deadlineSeconds: Int = 600) {
    self.canaryPercent = canaryPercent
    self.deadlineSeconds = deadlineSeconds
  }
}

/// What is asked of a replica to learn how it is.
public struct Probes: Hashable, Codable, Sendable {
  public enum Check: Hashable, Codable, Sendable {
    /// A connection can be made.
    case tcp
    /// `GET` of this path is answered with 200 to 399.
    case http(path: String)
  }

  /// Whether it may get requests.
  public var readiness: Check
  /// Whether it lives; one that does not is started again.
  public var liveness: Check
  /// How long it may take to become ready for the first time; then it is started again.
  public var startupSeconds: Int
  public var periodSeconds: Double
  /// For an answer.
  public var timeoutSeconds: Double
  /// Failures in a row that count.
  public var failures: Int

  public init(
    readiness: Check, liveness: Check, startupSeconds: Int = 600, periodSeconds: Double = 2,
    timeoutSeconds: Double = 2, failures: Int = 3
  ) {
    self.readiness = readiness
    self.liveness = liveness
    self.startupSeconds = startupSeconds
    self.periodSeconds = periodSeconds
    self.timeoutSeconds = timeoutSeconds
    self.failures = failures
  }

  /// What servers of this kind answer to.
  public init(for interface: DeploymentSpecification.Interface) {
    switch interface {
    case .oip: self.init(readiness: .http(path: "/v2/health/ready"), liveness: .http(path: "/v2/health/live"))
    case .openai: self.init(readiness: .http(path: "/health"), liveness: .tcp)
    case .mlflow: self.init(readiness: .http(path: "/ping"), liveness: .tcp)
    case .raw, .grpc: self.init(readiness: .tcp, liveness: .tcp)
    }
  }
}
