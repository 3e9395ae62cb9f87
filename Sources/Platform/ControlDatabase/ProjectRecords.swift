import GRDB
import Linux

extension Project: FetchableRecord {}

/// A project and what is in it.
public struct ProjectSummary: Hashable, Codable, Sendable, FetchableRecord {
  public let name: String
  /// Nanoseconds since 1970.
  public let createdAt: Int64
  public let jobs: Int
  /// Those of them that have not ended.
  public let unfinishedJobs: Int
}

extension ControlDatabase {
  /// By name.
  public func projects() async throws -> [ProjectSummary] {
    try await read {
      try ProjectSummary.fetchAll($0, sql: Self.projectSummaries + " GROUP BY project.name ORDER BY name")
    }
  }

  public func project(_ name: String) async throws -> ProjectSummary? {
    try await read {
      try ProjectSummary.fetchOne(
        $0, sql: Self.projectSummaries + " WHERE project.name = ? GROUP BY project.name", arguments: [name])
    }
  }

  /// - Throws: ``ControlError`` `invalid`, or `conflict` where there is one of this name.
  public func createProject(_ name: String) async throws -> Project {
    try Self.validate(project: name)
    return try await write { database in
      guard try database.addProject(name) else {
        throw ControlError(.conflict, subject: name, "there is a project \(name) already")
      }
      return try Project.fetchOne(database, sql: "SELECT * FROM project WHERE name = ?", arguments: [name])!
    }
  }

  /// - Throws: ``ControlError`` `notFound`, or `conflict` while jobs exist.
  public func removeProject(_ name: String) async throws {
    try await write { database in
      let jobs = try Int.fetchOne(database, sql: "SELECT count(*) FROM job WHERE project = ?", arguments: [name]) ?? 0
      guard jobs == 0 else {
        throw ControlError(
          .conflict, subject: name, "project \(name) has \(jobs) jobs; remove them first: cairn job rm JOB")
      }
      let notebooks = try Int.fetchOne(
        database, sql: "SELECT count(*) FROM notebook WHERE project = ?", arguments: [name])
      guard notebooks == 0 else {
        throw ControlError(
          .conflict, subject: name,
          "project \(name) has \(notebooks ?? 0) notebooks; remove them first: cairn notebook rm NOTEBOOK")
      }
      try database.execute(sql: "DELETE FROM project WHERE name = ?", arguments: [name])
      guard database.changesCount == 1 else {
        throw ControlError(
          .notFound, subject: name, "there is no project \(name); cairn project ls shows those there are")
      }
      try database.append(event: .project, subject: name, from: "present", to: nil, reason: "removed")
    }
  }

  static func validate(project name: String) throws {
    guard Names.isValid(name) else {
      throw ControlError(
        .invalid, subject: name,
        "\"\(name)\" can't be a project's name: use up to 64 letters, digits, dots, dashes and underscores,"
          + " beginning with a letter or digit")
    }
  }

  private static let projectSummaries = """
    SELECT project.name AS name, project.createdAt AS createdAt, count(job.id) AS jobs,
      count(job.id) FILTER (WHERE job.state IN ('queued', 'starting', 'running', 'stopping')) AS unfinishedJobs
    FROM project LEFT JOIN job ON job.project = project.name
    """
}

extension Database {
  /// Whether it is new.
  @discardableResult
  func addProject(_ name: String) throws -> Bool {
    try execute(
      sql: "INSERT INTO project (name, createdAt) VALUES (?, ?) ON CONFLICT DO NOTHING",
      arguments: [name, nanosecondsNow()])
    guard changesCount == 1 else { return false }
    try append(event: .project, subject: name, from: nil, to: "present", reason: "created")
    return true
  }
}
