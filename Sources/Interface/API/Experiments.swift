public import ExperimentStates
public import JobStates
public import Searchers

/// The body of `POST /v1/experiments`: a file that somebody wants to be run.
public struct NewExperiment: Codable, Equatable, Sendable {
  /// What stands in the file: YAML.
  public var file: String
  /// Takes the place of the file's.
  public var name: String?
  /// Takes the place of the file's.
  public var project: String?
  /// The name of the directory that it is started from.
  public var directory: String?
  /// The number of the snapshot that all workspaces are cloned from; nil: empty workspaces.
  public var workspaceSnapshot: UInt32?
  /// What of git its directory is; nil: nothing.
  public var git: GitCommit?

  public init(
    file: String, name: String? = nil, project: String? = nil, directory: String? = nil,
    workspaceSnapshot: UInt32? = nil, git: GitCommit? = nil
  ) {
    self.file = file
    self.name = name
    self.project = project
    self.directory = directory
    self.workspaceSnapshot = workspaceSnapshot
    self.git = git
  }
}

/// A sweep or a group. Times are nanoseconds since 1970.
public struct Experiment: Codable, Equatable, Sendable, Identifiable {
  public var id: String
  public var name: String
  public var project: String
  public var kind: ExperimentKind
  public var state: ExperimentState
  /// A sentence for people, where there is more to say than the state.
  public var detail: String?
  /// Of a sweep: the metric that trials are compared by, and whether small or large is good.
  public var metric: String?
  public var goal: SearchSpecification.Goal?
  /// The jobs of a sweep, or the replicas of a group.
  public var jobs: Int
  /// Those that have not ended.
  public var unfinishedJobs: Int
  /// The most trials that a sweep may have.
  public var maxTrials: Int?
  public var bestTrial: Int?
  public var bestValue: Double?
  /// How often a group was started again.
  public var restarts: Int
  public var workspaceSnapshot: UInt32?
  public var createdNanoseconds: Int64
  public var endedNanoseconds: Int64?

  public init(
    id: String, name: String, project: String, kind: ExperimentKind, state: ExperimentState, detail: String?,
    metric: String?, goal: SearchSpecification.Goal?, jobs: Int, unfinishedJobs: Int, maxTrials: Int?, bestTrial: Int?,
    bestValue: Double?, restarts: Int, workspaceSnapshot: UInt32?, createdNanoseconds: Int64, endedNanoseconds: Int64?
  ) {
    self.id = id
    self.name = name
    self.project = project
    self.kind = kind
    self.state = state
    self.detail = detail
    self.metric = metric
    self.goal = goal
    self.jobs = jobs
    self.unfinishedJobs = unfinishedJobs
    self.maxTrials = maxTrials
    self.bestTrial = bestTrial
    self.bestValue = bestValue
    self.restarts = restarts
    self.workspaceSnapshot = workspaceSnapshot
    self.createdNanoseconds = createdNanoseconds
    self.endedNanoseconds = endedNanoseconds
  }
}

/// The answer of `GET /v1/experiments`, the newest first.
public struct ExperimentList: Codable, Equatable, Sendable {
  public var experiments: [Experiment]

  public init(experiments: [Experiment]) { self.experiments = experiments }
}

/// One job of a sweep.
public struct Trial: Codable, Equatable, Sendable {
  /// From 0.
  public var number: Int
  /// The job's identifier.
  public var job: String
  /// The job's state; nil: it is not queued yet, or was removed.
  public var state: JobState?
  public var parameters: [Parameter]
  /// The trial whose checkpoint it began from.
  public var origin: Int?
  /// Why the searcher stopped it; nil: it did not.
  public var stopReason: StopReason?
  /// How many values of the metric were read.
  public var values: Int
  public var best: Double?
  public var last: Double?
  /// How far it was then.
  public var time: Int64?

  public init(
    number: Int, job: String, state: JobState?, parameters: [Parameter], origin: Int?, stopReason: StopReason?,
    values: Int, best: Double?, last: Double?, time: Int64?
  ) {
    self.number = number
    self.job = job
    self.state = state
    self.parameters = parameters
    self.origin = origin
    self.stopReason = stopReason
    self.values = values
    self.best = best
    self.last = last
    self.time = time
  }
}

/// One job of a group.
public struct GroupReplica: Codable, Equatable, Sendable {
  /// How often the group had been started before.
  public var restart: Int
  /// Its place among all, from 0.
  public var rank: Int
  public var role: String
  /// Its place among those of its role, from 0.
  public var index: Int
  /// The job's identifier.
  public var job: String
  /// nil: it is not queued yet, or was removed.
  public var state: JobState?
  public var exitCode: Int32?

  public init(
    restart: Int, rank: Int, role: String, index: Int, job: String, state: JobState?, exitCode: Int32?
  ) {
    self.restart = restart
    self.rank = rank
    self.role = role
    self.index = index
    self.job = job
    self.state = state
    self.exitCode = exitCode
  }
}

/// The answer of `GET /v1/experiments/{experiment}`.
public struct ExperimentDetails: Codable, Equatable, Sendable {
  public var experiment: Experiment
  /// The file as it was written.
  public var file: String
  public var trials: [Trial]
  public var replicas: [GroupReplica]

  public init(experiment: Experiment, file: String, trials: [Trial], replicas: [GroupReplica]) {
    self.experiment = experiment
    self.file = file
    self.trials = trials
    self.replicas = replicas
  }
}

/// A line of `GET /v1/experiments/{experiment}/log`: what a sweep's searcher was told and what it decided.
public struct SearchEntry: Codable, Equatable, Sendable {
  /// From 1.
  public var number: Int
  public var timeNanoseconds: Int64
  public var event: SearchEvent
  public var decisions: [SearchDecision]

  public init(number: Int, timeNanoseconds: Int64, event: SearchEvent, decisions: [SearchDecision]) {
    self.number = number
    self.timeNanoseconds = timeNanoseconds
    self.event = event
    self.decisions = decisions
  }
}

/// The body of `POST /v1/experiments/compare`.
public struct ComparisonRequest: Codable, Equatable, Sendable {
  /// Each a job, `EXPERIMENT/NUMBER` for a trial or a replica, or an experiment: its best trial, or its first replica.
  public var references: [String]

  public init(references: [String]) { self.references = references }
}

/// How jobs differ: what is the same in all of them is left out.
public struct Comparison: Codable, Equatable, Sendable {
  public struct Row: Codable, Equatable, Sendable {
    public var name: String
    /// One for each job; nil: it has none.
    public var values: [String?]

    public init(name: String, values: [String?]) {
      self.name = name
      self.values = values
    }
  }

  /// The jobs that are compared.
  public var jobs: [String]
  public var parameters: [Row]
  /// The last values, of all metrics, the same or not.
  public var metrics: [Row]
  /// Artifacts by path, with their size and the beginning of their SHA-256.
  public var files: [Row]

  public init(jobs: [String], parameters: [Row], metrics: [Row], files: [Row]) {
    self.jobs = jobs
    self.parameters = parameters
    self.metrics = metrics
    self.files = files
  }
}
