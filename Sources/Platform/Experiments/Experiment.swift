public import ControlDatabase
public import ExperimentFiles
public import ExperimentStates
public import JobStates
public import Searchers

/// Many jobs that belong together: a sweep or a group.
public struct Experiment: Hashable, Codable, Sendable {
  public let id: String
  /// As given, or the identifier. Several experiments may have the same.
  public let name: String
  public let project: String
  /// The file as it was written.
  public let text: String
  /// The file as it was read. It is kept, so that a later version's reading changes nothing.
  public let file: ExperimentFile
  /// The volume number of the snapshot that all jobs' workspaces are cloned from; nil: empty workspaces.
  public let workspaceSnapshot: UInt32?
  /// What of git it was started from; nil: nothing.
  public let git: GitCommit?
  /// The model versions that its jobs see, by how its file names them; nil: none.
  public let models: [String: MountedModel]?
  /// The ``Searcher/version`` that it began with; nil: 1, as of those that were begun before there was another.
  public let searcherVersion: Int?
  public internal(set) var state: ExperimentState
  /// A sentence for people, where there is more to say than the state.
  public internal(set) var detail: String?
  /// How often a group has been started again.
  public internal(set) var restarts: Int
  /// A group's own network, such as `10.89.3.0/24`; nil: none yet, or the host's is used.
  public internal(set) var subnet: String?
  /// Nanoseconds since 1970, as are all times here.
  public let createdAt: Int64
  public internal(set) var endedAt: Int64?

  public var kind: ExperimentKind {
    switch file.work {
    case .sweep: .sweep
    case .group: .group
    }
  }
}

extension ExperimentFile {
  /// What its jobs are given: one for each role of a group.
  var templates: [JobTemplate] {
    switch work {
    case .sweep: [job]
    case .group(let group): group.roles.map(\.job)
    }
  }

  /// The model versions that its jobs see, as it names them.
  var models: [String] {
    var names: [String] = []
    for name in templates.flatMap({ $0.models ?? [] }) where !names.contains(name) { names.append(name) }
    return names
  }
}

/// One job of a sweep, with its parameters.
public struct Trial: Hashable, Codable, Sendable {
  public let experiment: String
  /// From 0.
  public let number: Int
  /// The job's identifier, known before there is a job.
  public let job: String
  public let parameters: [Parameter]
  /// The trial whose checkpoint it began from; nil: none.
  public let origin: Int?
  /// Whether its job was queued.
  public internal(set) var isSubmitted: Bool
  /// Why the searcher stopped it; nil: it did not.
  public internal(set) var stop: StopReason?
  /// How its job ended; nil: it has not.
  public internal(set) var outcome: TrialOutcome?
  /// The run and the attempt whose metric is read, and how many of its values were.
  var run: String?
  var attempt: Int
  public internal(set) var reports: Int
  public internal(set) var best: Double?
  public internal(set) var last: Double?
  /// When that was, as the sweep counts time.
  public internal(set) var lastTime: Int64?
  public let createdAt: Int64
}

/// One job of a group.
public struct Replica: Hashable, Codable, Sendable {
  public let experiment: String
  /// How often the group had been started before.
  public let restart: Int
  /// Its place among all, from 0.
  public let rank: Int
  public let role: String
  /// Its place among those of its role, from 0.
  public let index: Int
  /// The job's identifier, known before there is a job.
  public let job: String
}

/// An event that a sweep's searcher was told, and what it decided.
public struct SearchRecord: Hashable, Codable, Sendable {
  /// From 1, within the experiment.
  public let number: Int
  public let time: Int64
  public let event: SearchEvent
  public let decisions: [SearchDecision]
}

/// What somebody asks to be run.
public struct ExperimentRequest: Sendable {
  /// The content of a file of ``ExperimentFile``.
  public var text: String
  /// Takes the place of the file's.
  public var name: String?
  /// Takes the place of the file's.
  public var project: String?
  /// The name of the directory that it is started from, which the project is named after where nothing else says so.
  public var directory: String
  public var workspaceSnapshot: UInt32?
  public var git: GitCommit?

  public init(
    text: String, name: String? = nil, project: String? = nil, directory: String, workspaceSnapshot: UInt32?,
    git: GitCommit? = nil
  ) {
    self.text = text
    self.name = name
    self.project = project
    self.directory = directory
    self.workspaceSnapshot = workspaceSnapshot
    self.git = git
  }
}
