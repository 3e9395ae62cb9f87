public import ExperimentStates
import JobStates

/// The body of `POST /v1/jobs`: what somebody asks to be run.
public struct NewJob: Codable, Equatable, Sendable {
  /// Made on first use. nil: named after `directory`.
  public var project: String?
  /// The name of the directory that the job is started from.
  public var directory: String?
  /// nil: the job's identifier.
  public var name: String?
  /// As podman knows it, or `host` for the host's own root file system.
  public var image: String
  /// At least one word; run as it is, by no shell.
  public var command: [String]
  /// nil: none but what Cairn sets.
  public var environment: [String: String]?
  public var gpus: Int?
  /// Processors, such as 1.5; nil: no limit.
  public var cpus: Double?
  /// nil: no limit.
  public var memoryBytes: UInt64?
  /// The number of the snapshot that the workspace is cloned from; nil: an empty workspace.
  public var workspaceSnapshot: UInt32?
  /// How long one attempt may run; nil: for ever.
  public var timeoutSeconds: Int?
  /// How often a failed attempt is followed by another.
  public var retries: Int?
  /// Model versions that it sees at `/models/<name>/<version>`, each as `NAME:VERSION`.
  public var models: [String]?
  /// What of git its directory is; nil: nothing.
  public var git: GitCommit?
  /// Secrets that it is given; nil: none.
  public var secrets: [SecretUse]?
  /// Which ends are followed by another attempt, and how soon: of `failed`, `out_of_memory`, `lost` and `timed_out`; nil:
  /// the first three, after 1 s.
  public var retryPolicy: RetryPolicy?
  /// Jobs that it waits for, each by identifier, beginning of it, or name; nil: none.
  public var dependsOn: [JobDependency]?
  /// Ports that can be reached from outside its container; nil: none.
  public var ports: [PublishedPort]?
  /// The path of a Dockerfile in its workspace, from which its image is built; nil: none.
  public var dockerfile: String?
  /// The secret with which its image is pulled; nil: none.
  public var registrySecret: String?
  /// nil: `normal`.
  public var priority: JobPriority?
  /// Shards of one GPU, such as `1/4`, in the place of whole ones.
  public var gpuShards: String?
  /// The profile of a MIG instance, such as `1g.5gb`, in the place of whole GPUs.
  public var gpuMig: String?

  public init(
    project: String? = nil, directory: String? = nil, name: String? = nil, image: String, command: [String],
    environment: [String: String]? = nil, gpus: Int? = nil, cpus: Double? = nil, memoryBytes: UInt64? = nil,
    workspaceSnapshot: UInt32? = nil, timeoutSeconds: Int? = nil, retries: Int? = nil, models: [String]? = nil,
    git: GitCommit? = nil
  ) {
    self.git = git
    self.project = project
    self.directory = directory
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
    self.models = models
  }
}

/// A job. Times are nanoseconds since 1970.
public struct Job: Codable, Equatable, Sendable, Identifiable {
  public var id: String
  public var name: String
  public var project: String
  public var image: String
  public var command: [String]
  public var environment: [String: String]
  public var gpus: Int
  public var cpus: Double?
  public var memoryBytes: UInt64?
  public var workspaceSnapshot: UInt32?
  public var timeoutSeconds: Int?
  public var retries: Int
  /// Model versions that it sees, each as `name/3`; nil: none.
  public var models: [String]?
  public var state: JobState
  public var reason: JobReason
  /// A sentence for people, where there is more to say than the reason.
  public var detail: String?
  /// The number of its last attempt; 0 while it waits for the first.
  public var attempt: Int
  /// Of its last attempt; 128 and the signal's number where a signal ended it.
  public var exitCode: Int32?
  public var createdNanoseconds: Int64
  /// When its last attempt began to run.
  public var startedNanoseconds: Int64?
  public var endedNanoseconds: Int64?
  /// Secrets that it is given, without their values; nil: none.
  public var secrets: [SecretUse]?
  public var retryPolicy: RetryPolicy?
  /// Jobs that it waits for, by their full identifiers; nil: none.
  public var dependsOn: [JobDependency]?
  public var ports: [PublishedPort]?
  public var dockerfile: String?
  public var registrySecret: String?
  /// While it waits for another attempt: when that begins at the earliest.
  public var notBeforeNanoseconds: Int64?
  /// The image that all its attempts run, from the first one on.
  public var pinnedImage: PinnedImage?
  /// The job that it repeats; nil: none.
  public var rerunOf: String?
  /// What of git it was started from; nil: nothing.
  public var git: GitCommit?
  /// nil: `normal`.
  public var priority: JobPriority?
  /// Shards of one GPU, such as `1/4`, in the place of whole ones.
  public var gpuShards: String?
  /// The profile of a MIG instance, such as `1g.5gb`, in the place of whole GPUs.
  public var gpuMig: String?
  /// Names the jobs that it starts together with; nil: it starts alone.
  public var group: String?
  /// What it waits for, while it is queued.
  public var waitsFor: JobWait?

  public init(
    id: String, name: String, project: String, image: String, command: [String], environment: [String: String] = [:],
    gpus: Int = 0, cpus: Double? = nil, memoryBytes: UInt64? = nil, workspaceSnapshot: UInt32? = nil,
    timeoutSeconds: Int? = nil, retries: Int = 0, models: [String]? = nil, state: JobState, reason: JobReason,
    detail: String? = nil,
    attempt: Int = 0, exitCode: Int32? = nil, createdNanoseconds: Int64, startedNanoseconds: Int64? = nil,
    endedNanoseconds: Int64? = nil
  ) {
    self.id = id
    self.name = name
    self.project = project
    self.image = image
    self.command = command
    self.environment = environment
    self.gpus = gpus
    self.cpus = cpus
    self.memoryBytes = memoryBytes
    self.workspaceSnapshot = workspaceSnapshot
    self.timeoutSeconds = timeoutSeconds
    self.retries = retries
    self.models = models
    self.state = state
    self.reason = reason
    self.detail = detail
    self.attempt = attempt
    self.exitCode = exitCode
    self.createdNanoseconds = createdNanoseconds
    self.startedNanoseconds = startedNanoseconds
    self.endedNanoseconds = endedNanoseconds
  }
}

/// `GET /v1/jobs`: the newest first.
public struct JobList: Codable, Equatable, Sendable {
  public var jobs: [Job]

  public init(jobs: [Job]) { self.jobs = jobs }
}

/// The experiment that a job is part of.
public struct JobExperiment: Codable, Equatable, Sendable {
  public var id: String
  public var name: String
  public var kind: ExperimentKind

  public init(id: String, name: String, kind: ExperimentKind) {
    self.id = id
    self.name = name
    self.kind = kind
  }
}

/// `GET /v1/jobs/{job}`: a job, its attempts, and the runs that they have made; each the first first.
public struct JobDetails: Codable, Equatable, Sendable {
  public var job: Job
  public var attempts: [Attempt]
  public var runs: [JobRun]
  /// nil: it is part of none.
  public var experiment: JobExperiment?

  public init(job: Job, attempts: [Attempt], runs: [JobRun]) {
    self.job = job
    self.attempts = attempts
    self.runs = runs
  }
}

/// One try at running a job.
public struct Attempt: Codable, Equatable, Sendable {
  /// From 1.
  public var number: Int
  public var container: String
  public var state: JobState
  public var reason: JobReason
  public var exitCode: Int32?
  /// UUIDs of the GPUs that it holds or held.
  public var gpus: [String]
  /// The digest of the image that it ran, where podman knows one.
  public var imageDigest: String?
  /// Where the host listens for it; nil: nowhere.
  public var ports: [PublishedPort]?
  public var createdNanoseconds: Int64
  public var startedNanoseconds: Int64?
  public var endedNanoseconds: Int64?

  public init(
    number: Int, container: String, state: JobState, reason: JobReason, exitCode: Int32?, gpus: [String],
    imageDigest: String?, createdNanoseconds: Int64, startedNanoseconds: Int64?, endedNanoseconds: Int64?
  ) {
    self.number = number
    self.container = container
    self.state = state
    self.reason = reason
    self.exitCode = exitCode
    self.gpus = gpus
    self.imageDigest = imageDigest
    self.createdNanoseconds = createdNanoseconds
    self.startedNanoseconds = startedNanoseconds
    self.endedNanoseconds = endedNanoseconds
  }
}

/// The body of `POST /v1/jobs/{job}/stop`.
public struct StopRequest: Codable, Equatable, Sendable {
  /// Seconds between SIGTERM and SIGKILL; nil: 30.
  public var graceSeconds: Int?

  public init(graceSeconds: Int? = nil) { self.graceSeconds = graceSeconds }
}

/// A line of `GET /v1/jobs/{job}/events`: something that happened to a job.
public struct JobEvent: Codable, Equatable, Sendable {
  /// Grows with each event of the whole Cairn; `after` takes it.
  public var sequence: Int64
  public var timeNanoseconds: Int64
  /// `job` or `project`.
  public var kind: String
  /// The identifier of what it happened to.
  public var subject: String
  /// The state before; nil where there was nothing before.
  public var from: String?
  /// nil where there is nothing after.
  public var to: String?
  public var reason: String
  public var detail: String?

  public init(
    sequence: Int64, timeNanoseconds: Int64, kind: String, subject: String, from: String?, to: String?,
    reason: String, detail: String?
  ) {
    self.sequence = sequence
    self.timeNanoseconds = timeNanoseconds
    self.kind = kind
    self.subject = subject
    self.from = from
    self.to = to
    self.reason = reason
    self.detail = detail
  }
}

/// A line of `GET /v1/jobs/{job}/logs`.
public struct LogLine: Codable, Equatable, Sendable {
  public enum Stream: String, Codable, Sendable {
    case stdout, stderr
  }

  public var timeNanoseconds: Int64
  public var stream: Stream
  /// Without its line feed; what is not UTF-8 is replaced.
  public var text: String
  /// Of a job's line: whoever asks for what is `after` this goes on behind it.
  public var cursor: String?

  public init(timeNanoseconds: Int64, stream: Stream, text: String, cursor: String? = nil) {
    self.cursor = cursor
    self.timeNanoseconds = timeNanoseconds
    self.stream = stream
    self.text = text
  }
}

/// The last line of a stream of lines that could not go on: what an error body would have said.
public struct StreamFailure: Codable, Equatable, Sendable {
  public struct Body: Codable, Equatable, Sendable {
    public var code: String
    public var message: String
    public var subject: String?
  }

  public var error: Body

  public init(code: String, message: String, subject: String?) {
    error = Body(code: code, message: message, subject: subject)
  }
}
