public import JobStates

/// A job that waits in the queue.
public struct WaitingJob: Sendable {
  public var id: String
  public var project: String
  public var priority: JobPriority
  /// Its place in the order of submission.
  public var sequence: Int64
  public var need: ResourceNeed
  /// Nanoseconds that it may run; nil: for ever.
  public var timeLimit: Int64?
  /// What it starts together with, and how many they are; nil: it starts alone.
  public var group: Group?

  public struct Group: Hashable, Sendable {
    public var id: String
    public var members: Int

    public init(id: String, members: Int) {
      self.id = id
      self.members = members
    }
  }

  public init(
    id: String, project: String, priority: JobPriority = .normal, sequence: Int64, need: ResourceNeed,
    timeLimit: Int64? = nil, group: Group? = nil
  ) {
    self.id = id
    self.project = project
    self.priority = priority
    self.sequence = sequence
    self.need = need
    self.timeLimit = timeLimit
    self.group = group
  }
}

/// A job that holds resources.
public struct RunningJob: Sendable {
  public var id: String
  public var project: String
  public var priority: JobPriority
  public var need: ResourceNeed
  public var slots: [DeviceSlot]
  /// When it got them, in nanoseconds since 1970.
  public var startedAt: Int64
  /// When it ends at the latest; nil: nobody knows.
  public var endsBy: Int64?
  /// Whether it was told to end.
  public var isStopping: Bool
  /// The identifier of its group.
  public var group: String?

  public init(
    id: String, project: String, priority: JobPriority = .normal, need: ResourceNeed, slots: [DeviceSlot] = [],
    startedAt: Int64, endsBy: Int64? = nil, isStopping: Bool = false, group: String? = nil
  ) {
    self.id = id
    self.project = project
    self.priority = priority
    self.need = need
    self.slots = slots
    self.startedAt = startedAt
    self.endsBy = endsBy
    self.isStopping = isStopping
    self.group = group
  }
}

/// The most that a project may have at once. nil: as much as there is.
public struct ProjectQuota: Hashable, Codable, Sendable {
  /// GPUs that its jobs hold together; a share counts for its part.
  public var gpus: Int?
  /// Jobs that hold resources.
  public var running: Int?
  /// Jobs that wait; what exceeds it is refused when it is submitted.
  public var queued: Int?

  public init(gpus: Int? = nil, running: Int? = nil, queued: Int? = nil) {
    self.gpus = gpus
    self.running = running
    self.queued = queued
  }
}

/// A project, as the scheduler sees it.
public struct ProjectAccount: Sendable {
  /// What it has used of late.
  public var usage: Usage
  public var quota: ProjectQuota

  public init(usage: Usage = Usage(), quota: ProjectQuota = ProjectQuota()) {
    self.usage = usage
    self.quota = quota
  }
}

/// All that the scheduler knows.
public struct SchedulerInput: Sendable {
  public var host: Host
  public var running: [RunningJob]
  /// By their `sequence`.
  public var queue: [WaitingJob]
  /// By name. A project that is missing has used nothing, and has no quota.
  public var projects: [String: ProjectAccount]
  /// Nanoseconds since 1970.
  public var now: Int64
  /// How long a job that is told to end may take, in nanoseconds.
  public var grace: Int64

  public init(
    host: Host, running: [RunningJob] = [], queue: [WaitingJob] = [], projects: [String: ProjectAccount] = [:],
    now: Int64, grace: Int64 = 30_000_000_000
  ) {
    self.host = host
    self.running = running
    self.queue = queue
    self.projects = projects
    self.now = now
    self.grace = grace
  }
}
