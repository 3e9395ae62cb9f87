import GRDB
import JobStates

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

/// A GPU that a job holds.
public struct GPULease: Hashable, Codable, Sendable, FetchableRecord {
  /// Its UUID.
  public let gpu: String
  public let job: String
  /// Nanoseconds since 1970.
  public let since: Int64
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
