/// A project and how many jobs are in it.
public struct Project: Codable, Equatable, Sendable {
  /// Unique.
  public var name: String
  public var jobs: Int
  /// Of these, those that have not ended.
  public var unfinishedJobs: Int
  /// Nanoseconds since 1970.
  public var createdNanoseconds: Int64
  /// Where one project is asked for.
  public var quota: ProjectQuota?
  /// Where one project is asked for.
  public var usage: ProjectUsage?

  public init(name: String, jobs: Int, unfinishedJobs: Int, createdNanoseconds: Int64) {
    self.name = name
    self.jobs = jobs
    self.unfinishedJobs = unfinishedJobs
    self.createdNanoseconds = createdNanoseconds
  }
}

/// `GET /v1/projects`: by name.
public struct ProjectList: Codable, Equatable, Sendable {
  public var projects: [Project]

  public init(projects: [Project]) { self.projects = projects }
}

/// The body of `POST /v1/projects`.
public struct NewProject: Codable, Equatable, Sendable {
  public var name: String

  public init(name: String) { self.name = name }
}
