import GRDB
import Tracker

/// What the removal of versions gave back.
public struct RemovedVersions: Hashable, Sendable {
  public var versions: Int
  /// Of their files. What no other file shares of it is given back when garbage is collected.
  public var bytes: UInt64
}

extension ProjectModels {
  /// Removes a version with its files, aliases and tags. Its number is not given again.
  /// - Throws: ``TrackerError``; ``ModelInUse``.
  public func removeVersion(_ number: Int64, of name: String) async throws -> RemovedVersions {
    let version = try await version(number, of: name)
    // Asked first, because whoever has gone without giving it back is forgotten then.
    _ = try await repository.uses(of: version)
    let (model, aliases) = try await write { [project] database in
      let model = try database.model(name, in: project)
      let version = try database.complete(database.version(number, of: model))
      try database.doom(version, of: model)
      try database.execute(
        sql: "DELETE FROM modelVersion WHERE model = ? AND number = ?", arguments: [model.id, number])
      try database.touch(model)
      return (model, version.aliases)
    }
    await repository.mendLinks(aliases + [ModelRepository.latest], in: model.directory)
    try await repository.finishRemovals()
    return RemovedVersions(versions: 1, bytes: version.bytes ?? 0)
  }

  /// Removes a model with all its versions.
  /// - Throws: ``TrackerError``; ``ModelInUse``.
  public func removeModel(_ name: String) async throws -> RemovedVersions {
    let versions = try await versions(of: name)
    for version in versions { _ = try await repository.uses(of: version) }
    let model = try await write { [project] database in
      let model = try database.complete(database.model(name, in: project))
      let versions = try ModelVersion.fetchAll(
        database, sql: "\(ModelVersion.selection) WHERE model = ?", arguments: [model.id])
      for version in versions { try database.doom(version, of: model) }
      try database.execute(sql: "DELETE FROM model WHERE id = ?", arguments: [model.id])
      return model
    }
    await repository.mendLinks(model.aliases.map(\.alias) + [ModelRepository.latest], in: model.directory)
    try await repository.finishRemovals()
    return RemovedVersions(versions: versions.count, bytes: versions.reduce(0) { $0 + ($1.bytes ?? 0) })
  }
}

extension ModelRepository {
  /// Removes the trees of versions that the records have no more. What fails is done at the next start.
  func finishRemovals() async throws {
    // A tree that another call has removed may be somebody else's by the time that this one comes to it.
    try await trees.run { [self] in try await removeTrees() }
  }

  private func removeTrees() async throws {
    let removals = try await read { database in
      try Row.fetchAll(database, sql: "SELECT path, directory, number FROM modelRemoval")
        .map { (path: $0[0] as String, directory: $0[1] as String, number: $0[2] as Int64) }
    }
    for (path, directory, number) in removals {
      try await storage.withdraw(model: directory, version: number)
      try await storage.removeVersion(at: path)
      try await write { try $0.execute(sql: "DELETE FROM modelRemoval WHERE path = ?", arguments: [path]) }
    }
  }
}

extension Database {
  /// Notes that a version's tree is to go.
  /// - Throws: ``ModelInUse``; `TrackerError` while it is being made.
  fileprivate func doom(_ version: ModelVersion, of model: RegisteredModel) throws {
    guard version.status != .pending else {
      throw TrackerError(
        .invalidParameterValue, "Model version \(version.reference) is being registered; wait until it is ready.")
    }
    let uses = try Row.fetchAll(
      self, sql: "SELECT kind, holder, since FROM modelUse WHERE model = ? AND number = ? ORDER BY since",
      arguments: [model.id, version.number])
    guard uses.isEmpty else {
      throw ModelInUse(
        version: version.reference,
        uses: uses.map {
          ModelUse(ModelUse.Kind(rawValue: $0["kind"]) ?? .deployment, $0["holder"], since: $0["since"])
        })
    }
    guard let path = version.path else { return }
    try execute(
      sql: "INSERT INTO modelRemoval (path, directory, number) VALUES (?, ?, ?)",
      arguments: [path, model.directory, version.number])
  }
}
