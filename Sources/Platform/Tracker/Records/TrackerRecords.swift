/// Whether something was deleted, which can be undone: nothing of it is lost.
public enum LifecycleStage: Int64, Sendable {
  case active = 0
  case deleted = 1
}

/// Which stages a list is about.
public enum StageView: Sendable {
  case active, deleted, all

  /// The condition on a column of stages.
  func condition(_ column: String) -> String {
    switch self {
    case .active: "\(column) = 0"
    case .deleted: "\(column) = 1"
    case .all: "1"
    }
  }
}

/// A key and a text: a tag or a parameter.
public struct KeyValue: Hashable, Sendable {
  public var key: String
  public var value: String

  public init(_ key: String, _ value: String) {
    self.key = key
    self.value = value
  }
}

/// Runs that belong together. MLflow's word: Cairn's own experiments are sweeps and groups of jobs.
public struct Experiment: Sendable {
  /// Its row. Unique among all projects.
  let id: Int64
  /// Unique in its project, and never given again. 0 is the experiment `Default`, which every project has.
  public let number: Int64
  public let name: String
  /// Where its artifacts are, if not in Cairn: a URI that is the client's business.
  public let location: String?
  public let stage: LifecycleStage
  /// Milliseconds since 1970, as are all times here.
  public let createdAt: Int64
  public let updatedAt: Int64
  /// By key.
  public var tags: [KeyValue] = []
}

/// MLflow's states of a run, with its numbers.
public enum RunStatus: Int64, Sendable, CaseIterable {
  case running = 1
  case scheduled = 2
  case finished = 3
  case failed = 4
  case killed = 5

  /// As it is in requests, answers and filters.
  public var name: String {
    switch self {
    case .running: "RUNNING"
    case .scheduled: "SCHEDULED"
    case .finished: "FINISHED"
    case .failed: "FAILED"
    case .killed: "KILLED"
    }
  }

  public init?(name: String) {
    guard let status = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = status
  }

  public var isTerminal: Bool { self != .running && self != .scheduled }
}

/// What a run says of itself, without what was logged.
public struct Run: Sendable {
  /// Its row.
  let id: Int64
  /// 32 hexadecimal digits.
  public let identifier: String
  public let name: String
  public let user: String
  public let status: RunStatus
  public let stage: LifecycleStage
  public let startTime: Int64
  public let endTime: Int64?
  /// The number of its experiment.
  public let experiment: Int64
  /// Where its artifacts are, if not in Cairn.
  public let artifactLocation: String?
  /// The job that made it, if one did.
  public let job: String?
  public let attempt: Int64?
}

/// A run with the latest of all that it logged.
public struct LoggedRun: Sendable {
  public let run: Run
  /// In the order in which their keys were first used by anybody, as are parameters and tags.
  public var metrics: [LatestMetric] = []
  public var parameters: [KeyValue] = []
  public var tags: [KeyValue] = []
  public var inputs: [DatasetInput] = []
  public var modelInputs: [ModelLink] = []
  public var modelOutputs: [ModelLink] = []
}

/// The point of a metric that counts as its value, see ``MetricPoint/isLater(_:than:)``.
public struct LatestMetric: Sendable {
  public let key: String
  public let point: MetricPoint
}

/// Data that a run was given.
public struct Dataset: Hashable, Sendable {
  public var name: String
  public var digest: String
  public var sourceType: String
  public var source: String
  /// JSON, as the client made it; empty: not given. So is `profile`.
  public var schema: String
  public var profile: String

  public init(name: String, digest: String, sourceType: String, source: String, schema: String, profile: String) {
    self.name = name
    self.digest = digest
    self.sourceType = sourceType
    self.source = source
    self.schema = schema
    self.profile = profile
  }
}

/// A dataset and how a run used it, such as the tag `mlflow.data.context` = `train`.
public struct DatasetInput: Hashable, Sendable {
  public var dataset: Dataset
  public var tags: [KeyValue]

  public init(dataset: Dataset, tags: [KeyValue]) {
    self.dataset = dataset
    self.tags = tags
  }
}

/// A logged model that a run was given or has made.
public struct ModelLink: Hashable, Sendable {
  public var model: String
  /// Of an output, the step at which it was made.
  public var step: Int64

  public init(model: String, step: Int64) {
    self.model = model
    self.step = step
  }
}
