import JobStates

/// What somebody asks to be run.
public struct JobRequest: Hashable, Codable, Sendable {
  /// The name of the image that means the host's own root file system.
  public static let hostImage = "host"

  public var project: String
  /// nil: the job's identifier.
  public var name: String?
  /// As podman knows it, or ``hostImage``.
  public var image: String
  /// At least one word; run as it is, by no shell.
  public var command: [String]
  public var environment: [String: String]
  public var gpus: Int
  /// Processors, such as 1.5; nil: no limit.
  public var cpus: Double?
  /// nil: no limit.
  public var memoryBytes: UInt64?
  /// The volume number of the snapshot that the workspace is cloned from; nil: an empty workspace.
  public var workspaceSnapshot: UInt32?
  /// How long one attempt may run; nil: for ever.
  public var timeoutSeconds: Int?
  /// How often a failed attempt is followed by another.
  public var retries: Int
  /// The user in the container, as `podman run --user` takes it; nil: as in the image.
  public var user: String?
  /// What of git it was started from; nil: nothing.
  public var git: GitCommit?
  /// Model versions that it sees; nil: none.
  public var models: [MountedModel]?
  /// nil: ``JobPriority/normal``.
  public var priority: JobPriority?
  /// A part of one GPU, in the place of whole ones; nil: none.
  public var gpuShare: GPUShare?
  /// The profile of a MIG instance, such as `1g.5gb`, in the place of whole GPUs; nil: none.
  public var gpuMIG: String?
  /// The jobs that it starts together with; nil: it starts alone.
  public var group: JobGroup?
  /// Secrets that it is given; nil: none.
  public var secrets: [SecretUse]?
  /// nil: ``RetryPolicy/standard``.
  public var retryPolicy: RetryPolicy?
  /// Jobs that it waits for; nil: none.
  public var dependsOn: [JobDependency]?
  /// Ports that can be reached from outside its container; nil: none.
  public var ports: [PublishedPort]?
  /// The path of a Dockerfile in its workspace, from which its image is built; nil: the image is there or pulled.
  public var dockerfile: String?
  /// The secret with which its image is pulled; nil: none.
  public var registrySecret: String?
  /// What its image's name stands for; nil: the first attempt finds out.
  public var pinnedImage: PinnedImage?
  /// The job that it repeats; nil: none.
  public var rerunOf: String?
  /// What it is a server of; nil: it is a job like any other. Only Cairn itself sets this and the next.
  public var serves: ServedSubject?
  /// Directories that it sees besides. One at `/workspace` or `/artifacts` takes the place of the job's own.
  public var directories: [MountedDirectory]?
  /// The experiment that it is part of; nil: none.
  public var experiment: JobExperiment?

  public init(
    project: String, name: String? = nil, image: String, command: [String],
    environment: [String: String] = [:], gpus: Int = 0, cpus: Double? = nil, memoryBytes: UInt64? = nil,
    workspaceSnapshot: UInt32? = nil, timeoutSeconds: Int? = nil, retries: Int = 0, user: String? = nil,
    git: GitCommit? = nil
  ) {
    self.project = project
    self.name = name
    self.image = image
    self.command = command
    self.environment = environment
    self.gpus = gpus
    self.cpus = cpus
    self.memoryBytes = memoryBytes
    self.workspaceSnapshot = workspaceSnapshot
    self.timeoutSeconds = timeoutSeconds
    self.retries = retries
    self.user = user
    self.git = git
  }
}

/// Jobs that start together or not at all. All of them are submitted at once.
public struct JobGroup: Hashable, Codable, Sendable {
  /// The same for all of them, and no others: one of ``Names/newIdentifier()``.
  public var id: String
  /// How many they are.
  public var members: Int

  public init(id: String, members: Int) {
    self.id = id
    self.members = members
  }
}

/// A model version that a job sees, read-only, at `/models/<name>/<version>`.
public struct MountedModel: Hashable, Codable, Sendable {
  /// The name of its model's directory.
  public var name: String
  public var version: Int64
  /// Where its files lie under the mount.
  public var path: String

  public init(name: String, version: Int64, path: String) {
    self.name = name
    self.version = version
    self.path = path
  }
}

/// What a job is a server of, that is reached through the daemon.
public struct ServedSubject: Hashable, Codable, Sendable {
  public enum Kind: String, Codable, Sendable {
    case notebook
    case tensorBoard = "tensorboard"
  }

  public var kind: Kind
  /// The notebook, or the job whose artifacts are shown.
  public var id: String

  public init(_ kind: Kind, _ id: String) {
    self.kind = kind
    self.id = id
  }
}

/// A directory of this host that a job sees.
public struct MountedDirectory: Hashable, Codable, Sendable {
  /// Absolute, or relative to the mount.
  public var source: String
  /// Where it is in the container.
  public var destination: String
  public var isReadOnly: Bool

  public init(_ source: String, at destination: String, isReadOnly: Bool = false) {
    self.source = source
    self.destination = destination
    self.isReadOnly = isReadOnly
  }
}

/// A command in a container, from its submission to its end and after.
public struct Job: Hashable, Codable, Sendable {
  public let id: String
  /// Its place in the order of submission.
  public let sequence: Int64
  /// As given, or the identifier. Several jobs may have the same.
  public let name: String
  public let request: JobRequest

  public internal(set) var state: JobState
  public internal(set) var reason: JobReason
  /// A sentence for people, where there is more to say than the reason.
  public internal(set) var detail: String?
  /// The number of its last attempt; 0 while it waits for the first.
  public internal(set) var attempt: Int
  /// Of its last attempt; 128 and the signal's number where a signal ended it.
  public internal(set) var exitCode: Int32?
  /// Nanoseconds since 1970, as are all times here.
  public let createdAt: Int64
  /// When its last attempt began to run.
  public internal(set) var startedAt: Int64?
  public internal(set) var endedAt: Int64?
  /// How long it has between SIGTERM and SIGKILL; set when it is stopped.
  public internal(set) var graceSeconds: Int
  /// Whether its artifacts are immutable; true soon after it has ended.
  public internal(set) var artifactsSealed: Bool
  /// Its next attempt begins no earlier; nil: as soon as there is room.
  public internal(set) var notBefore: Int64?
  /// What all its attempts run, from the first one on.
  public internal(set) var pinnedImage: PinnedImage?

  public var project: String { request.project }
}

/// One try at running a job.
public struct Attempt: Hashable, Codable, Sendable {
  public let job: String
  /// From 1.
  public let number: Int
  /// The name of its container, known before there is one.
  public let container: String
  /// The host's boot in which it was started.
  public let bootID: String
  public internal(set) var state: JobState
  public internal(set) var reason: JobReason
  public internal(set) var exitCode: Int32?
  /// UUIDs of the GPUs that it holds or held.
  public internal(set) var gpus: [String]
  /// The digest of the image that it ran, where podman knows one.
  public internal(set) var imageDigest: String?
  /// The first process of its container, as it was seen soon after its start.
  public internal(set) var process: ProcessHandle?
  /// Where the host listens for it.
  public internal(set) var ports: [PublishedPort]?
  public let createdAt: Int64
  public internal(set) var startedAt: Int64?
  public internal(set) var endedAt: Int64?
}

/// Something that happened; events are kept in order and never change.
public struct Event: Hashable, Codable, Sendable {
  public enum Kind: String, Codable, Sendable {
    case job, project, token, secret, notebook
  }

  public let sequence: Int64
  /// Nanoseconds since 1970.
  public let time: Int64
  public let kind: Kind
  /// The identifier of what it happened to.
  public let subject: String
  /// A ``JobState`` for jobs; nil where there was nothing before.
  public let from: String?
  /// nil where there is nothing after.
  public let to: String?
  public let reason: String
  public let detail: String?
}
