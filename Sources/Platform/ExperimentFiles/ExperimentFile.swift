public import JobStates
public import Searchers

/// What a file of `cairn experiment run` asks for: a sweep or a group.
public struct ExperimentFile: Hashable, Codable, Sendable {
  public enum Work: Hashable, Codable, Sendable {
    case sweep(Sweep)
    case group(ReplicaGroup)
  }

  /// nil: the experiment's identifier.
  public var name: String?
  /// nil: named after the workspace's directory.
  public var project: String?
  /// The directory to send, relative to where the command is given; nil: that one. `none`: an empty workspace.
  public var workspace: String?
  public var job: JobTemplate
  public var work: Work
}

/// What all jobs of an experiment have in common, unless a role says otherwise.
public struct JobTemplate: Hashable, Codable, Sendable {
  public var image = "host"
  public var environment: [String: String] = [:]
  public var gpus = 0
  public var cpus: Double?
  public var memoryBytes: UInt64?
  public var timeoutSeconds: Int?
  public var retries = 0
  public var user: String?
  /// nil: none.
  public var secrets: [SecretUse]?
  /// nil: ``JobPriority/normal``.
  public var priority: JobPriority?
  /// Model versions that it sees, each as `NAME:VERSION`; nil: none.
  public var models: [String]?

  public init() {}
}

/// A hyperparameter search: many jobs, one for each trial.
public struct Sweep: Hashable, Codable, Sendable {
  public struct Metric: Hashable, Codable, Sendable {
    /// How far a trial is.
    public enum Time: String, CaseIterable, Codable, Sendable {
      /// By how many values of the metric it has logged.
      case count
      /// By the step that it logged the last one with.
      case step
    }

    public var name: String
    public var time: Time

    public init(name: String, time: Time) {
      self.name = name
      self.time = time
    }
  }

  /// With macros, see ``TrialCommand``.
  public var command: [String]
  public var program: String?
  /// nil: nothing is compared, as in a grid that is run for its artifacts.
  public var metric: Metric?
  public var search: SearchSpecification
  /// Who suggests parameters, where ``SearchSpecification/Sampling/suggested`` asks for them.
  public var suggester: Suggester?
}

/// Optuna, in a container of its own.
public struct Suggester: Hashable, Codable, Sendable {
  public enum Sampler: String, CaseIterable, Codable, Sendable {
    /// Tree-structured Parzen estimator.
    case tpe
    case cmaes
    /// Gaussian processes.
    case gp
  }

  public var sampler: Sampler
  public var image: String
  /// The Python that has it, as the image knows it.
  public var python: String
  /// So many trials are random before any is suggested.
  public var startupTrials: Int
}

/// Replicas that start together, know each other and stop together.
public struct ReplicaGroup: Hashable, Codable, Sendable {
  public struct Role: Hashable, Codable, Sendable {
    /// Such as `worker`, `chief`, `ps`.
    public var name: String
    public var count: Int
    /// Empty: it waits for what `mpirun` of another replica starts in it.
    public var command: [String]
    public var job: JobTemplate
  }

  /// When a group has succeeded.
  public enum Success: String, CaseIterable, Codable, Sendable {
    /// Every replica has.
    case all
    /// The first replica has; the others are stopped then.
    case first
  }

  /// The first replica of the first is where all others meet.
  public var roles: [Role]
  public var port: Int
  public var success: Success
  /// How often the whole group is started again after one of it failed.
  public var maxRestarts: Int
  /// Whether scripts see the variables of Slurm.
  public var slurm: Bool

  public var count: Int { roles.reduce(0) { $0 + $1.count } }
}

/// Why a file can't be run: where it stands and what would be right.
public struct ExperimentFileError: Error, Hashable, CustomStringConvertible, Sendable {
  /// From 1; nil: it is about the file as a whole.
  public let line: Int?
  /// Such as `parameters.lr.min`; empty: the file as a whole.
  public let key: String
  public let reason: String

  public init(line: Int?, key: String, _ reason: String) {
    self.line = line
    self.key = key
    self.reason = reason
  }

  public var description: String {
    (line.map { "line \($0): " } ?? "") + (key.isEmpty ? "" : "`\(key)` ") + reason
  }
}
