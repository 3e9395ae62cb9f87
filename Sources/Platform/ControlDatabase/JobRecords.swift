import GRDB
import JobStates
public import Scheduler

extension Job: FetchableRecord {}
extension Attempt: FetchableRecord {}

/// Which jobs a list is about. What is nil does not narrow it.
public struct JobFilter: Sendable {
  public var project: String?
  public var states: Set<JobState>?
  /// At most this many, the newest.
  public var limit: Int

  public init(project: String? = nil, states: Set<JobState>? = nil, limit: Int = 100) {
    self.project = project
    self.states = states
    self.limit = limit
  }
}

/// A GPU, a shard of one, or a MIG instance, that a job holds.
public struct GPULease: Hashable, Codable, Sendable, FetchableRecord {
  /// The UUID of the GPU or MIG instance.
  public let gpu: String
  /// From 0.
  public let shard: Int
  /// How many there are on it; 1: it is leased whole.
  public let shards: Int
  public let job: String
  /// Nanoseconds since 1970.
  public let since: Int64

  public var slot: DeviceSlot { DeviceSlot(device: gpu, shard: shard, shards: shards) }
}

/// What has changed about jobs.
public struct JobChanges: Sendable {
  /// Those that have changed, as they are now.
  public let jobs: [Job]
  /// Those that are no more.
  public let removed: [String]
  /// The number of the last event that it takes in.
  public let sequence: Int64
}

extension ControlDatabase {
  /// The newest first.
  public func jobs(_ filter: JobFilter) async throws -> [Job] {
    let states = (filter.states ?? Set(JobState.allCases)).map { "'\($0.rawValue)'" }.joined(separator: ", ")
    return try await read {
      try Job.fetchAll(
        $0,
        sql: """
          SELECT * FROM job WHERE (:project IS NULL OR project = :project) AND state IN (\(states))
          ORDER BY sequence DESC LIMIT :limit
          """, arguments: ["project": filter.project, "limit": filter.limit])
    }
  }

  /// The jobs that are or were servers of this, the newest first.
  public func jobs(serving subject: ServedSubject) async throws -> [Job] {
    try await read {
      try Job.fetchAll(
        $0,
        sql: """
          SELECT * FROM job
          WHERE request ->> '$.serves.kind' = :kind AND request ->> '$.serves.id' = :id ORDER BY sequence DESC
          """, arguments: ["kind": subject.kind.rawValue, "id": subject.id])
    }
  }

  /// All jobs that have not ended, the oldest first.
  public func unfinishedJobs() async throws -> [Job] {
    try await read {
      try Job.fetchAll(
        $0,
        sql: "SELECT * FROM job WHERE state IN ('queued', 'starting', 'running', 'stopping') ORDER BY sequence")
    }
  }

  /// What has changed since the event with this number; nil: all jobs that have not ended.
  public func jobChanges(after sequence: Int64?) async throws -> JobChanges {
    try await read { database in
      let last = try Int64.fetchOne(database, sql: "SELECT max(sequence) FROM event") ?? 0
      guard let sequence else {
        let jobs = try Job.fetchAll(
          database, sql: "SELECT * FROM job WHERE state IN ('queued', 'starting', 'running', 'stopping')")
        return JobChanges(jobs: jobs, removed: [], sequence: last)
      }
      let changed = try String.fetchAll(
        database, sql: "SELECT DISTINCT subject FROM event WHERE sequence > ? AND kind = 'job'", arguments: [sequence])
      let jobs = try changed.compactMap {
        try Job.fetchOne(database, sql: "SELECT * FROM job WHERE id = ?", arguments: [$0])
      }
      let removed = Set(changed).subtracting(jobs.map(\.id))
      return JobChanges(jobs: jobs, removed: Array(removed), sequence: last)
    }
  }

  /// Jobs that have ended, but whose artifacts could not be sealed then.
  public func jobsToSeal() async throws -> [Job] {
    try await read {
      try Job.fetchAll($0, sql: "SELECT * FROM job WHERE endedAt IS NOT NULL AND NOT artifactsSealed ORDER BY sequence")
    }
  }

  /// - Throws: ``ControlError`` `notFound`
  public func job(_ id: String) async throws -> Job {
    try await read { try $0.job(id) }
  }

  /// nil: it was removed.
  public func jobIfPresent(_ id: String) async throws -> Job? {
    try await read { try Job.fetchOne($0, sql: "SELECT * FROM job WHERE id = ?", arguments: [id]) }
  }

  /// Those of these containers that are of an attempt.
  public func containers(among names: [String]) async throws -> [String] {
    try await read { database in
      try names.filter {
        try Bool.fetchOne(database, sql: "SELECT 1 FROM attempt WHERE container = ?", arguments: [$0]) ?? false
      }
    }
  }

  /// Those with this identifier, else those whose identifier begins so, else those of this name; the
  /// newest first, at most 20.
  public func jobs(matching reference: String, project: String?) async throws -> [Job] {
    try await read { database in
      let conditions = ["id = :reference", "substr(id, 1, length(:reference)) = :reference", "name = :reference"]
      for condition in conditions {
        let jobs = try Job.fetchAll(
          database,
          sql: """
            SELECT * FROM job WHERE \(condition) AND (:project IS NULL OR project = :project)
            ORDER BY sequence DESC LIMIT 20
            """, arguments: ["reference": reference, "project": project])
        if !jobs.isEmpty { return jobs }
      }
      return []
    }
  }

  /// The first first.
  public func attempts(of job: String) async throws -> [Attempt] {
    try await read {
      try Attempt.fetchAll($0, sql: "SELECT * FROM attempt WHERE job = ? ORDER BY number", arguments: [job])
    }
  }

  /// How many attempts a job had, without those that were preempted.
  public func countedAttempts(of job: String) async throws -> Int {
    try await read {
      try Int.fetchOne(
        $0, sql: "SELECT count(*) FROM attempt WHERE job = ? AND reason <> 'preempted'", arguments: [job]) ?? 0
    }
  }

  /// - Throws: ``ControlError`` `notFound`
  public func attempt(_ number: Int, of job: String) async throws -> Attempt {
    try await read { try $0.attempt(number, of: job) }
  }

  public func gpuLeases() async throws -> [GPULease] {
    try await read { try GPULease.fetchAll($0, sql: "SELECT * FROM gpuLease") }
  }
}

extension Database {
  func job(_ id: String) throws -> Job {
    guard let job = try Job.fetchOne(self, sql: "SELECT * FROM job WHERE id = ?", arguments: [id]) else {
      throw ControlError(.notFound, subject: id, "there is no job \(id); cairn job ls shows those there are")
    }
    return job
  }

  func attempt(_ number: Int, of job: String) throws -> Attempt {
    let attempt = try Attempt.fetchOne(
      self, sql: "SELECT * FROM attempt WHERE job = ? AND number = ?", arguments: [job, number])
    guard let attempt else { throw ControlError(.notFound, subject: job, "job \(job) has no attempt \(number)") }
    return attempt
  }
}
