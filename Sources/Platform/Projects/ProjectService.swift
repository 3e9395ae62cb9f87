import ControlDatabase

/// Projects: made by hand, or on a job's first use.
public struct ProjectService: Sendable {
  private let database: ControlDatabase

  public init(database: ControlDatabase) { self.database = database }

  /// By name.
  public func list() async throws -> [ProjectSummary] { try await database.projects() }

  /// - Throws: ``ControlError`` `invalid` for a bad name, `conflict` where there is one of it.
  public func create(_ name: String) async throws -> ProjectSummary {
    _ = try await database.createProject(name)
    return try await show(name)
  }

  /// - Throws: ``ControlError`` `notFound`
  public func show(_ name: String) async throws -> ProjectSummary {
    guard let project = try await database.project(name) else {
      throw ControlError(
        .notFound, subject: name, "there is no project \(name); cairn project ls shows those there are")
    }
    return project
  }

  /// - Throws: ``ControlError`` `notFound`, or `conflict` while jobs exist.
  public func remove(_ name: String) async throws { try await database.removeProject(name) }
}
