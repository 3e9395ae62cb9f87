public import ControlDatabase
public import Scheduler
import Synchronization

/// Projects: made by hand, or on first use.
public final class ProjectService: Sendable {
  private struct Known {
    var names: Set<String> = []
    /// The database's, when they were looked up.
    var revision = 0
  }

  private let database: ControlDatabase
  private let known = Mutex(Known())

  public init(database: ControlDatabase) { self.database = database }

  /// By name.
  public func list() async throws -> [ProjectSummary] { try await database.projects() }

  /// - Throws: ``ControlError`` `invalid` for a bad name, `conflict` where there is one of it.
  public func create(_ name: String) async throws -> ProjectSummary {
    _ = try await database.createProject(name)
    return try await show(name)
  }

  /// Makes a project if it is not there yet.
  /// - Throws: ``ControlError`` `invalid` for a bad name.
  public func provide(_ name: String) async throws {
    let revision = database.revision
    if known.withLock({ $0.revision == revision && $0.names.contains(name) }) { return }
    if try await database.project(name) == nil {
      do {
        _ = try await database.createProject(name)
      } catch let error as ControlError where error.code == .conflict {
        // Another request was first.
      }
    }
    known.withLock { known in
      if known.revision != revision { known = Known(revision: revision) }
      known.names.insert(name)
    }
  }

  /// - Throws: ``ControlError`` `notFound`
  public func show(_ name: String) async throws -> ProjectSummary {
    guard let project = try await database.project(name) else {
      throw ControlError(
        .notFound, subject: name, "there is no project \(name); cairn project ls shows those there are")
    }
    return project
  }

  /// Changes what a project may have at once.
  /// - Throws: ``ControlError`` `notFound`, or `invalid` for numbers below 0.
  public func setQuota(_ quota: ProjectQuota, of name: String) async throws {
    try await database.setQuota(quota, of: name)
  }

  /// - Throws: ``ControlError`` `notFound`, or `conflict` while jobs exist.
  public func remove(_ name: String) async throws { try await database.removeProject(name) }
}
