import ControlDatabase

/// A project and what is in it.
public struct ProjectSummary: Hashable, Codable, Sendable {
  public let project: Project
  public let jobs: Int
  public let activeJobs: Int
}

/// Projects: made by hand or on a job's first use.
public struct ProjectService: Sendable {
  let database: ControlDatabase

  public init(database: ControlDatabase) { self.database = database }

  /// By name.
  public func list() async throws -> [ProjectSummary] { [] }
  /// - Throws: ``ControlError`` `invalid` for a bad name, `conflict` where there is one.
  public func create(_ name: String) async throws -> Project { Project(name: name, createdAt: 0) }
  /// - Throws: ``ControlError`` `notFound`.
  public func show(_ name: String) async throws -> ProjectSummary {
    ProjectSummary(project: Project(name: name, createdAt: 0), jobs: 0, activeJobs: 0)
  }
  /// - Throws: ``ControlError`` `notFound`, or `conflict` while jobs exist.
  public func remove(_ name: String) async throws {}
}
