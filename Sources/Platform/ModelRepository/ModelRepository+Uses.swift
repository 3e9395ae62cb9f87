import GRDB
import Linux
import Tracker

extension ModelRepository {
  /// Keeps a version from being removed until ``release(_:_:)``. Done again, it is as if it were done once.
  /// - Throws: `TrackerError` where there is no such version, or its files are not there.
  public func use(_ version: ModelVersion, by kind: ModelUse.Kind, _ holder: String) async throws {
    try await write { database in
      let model = try database.model(version.name, in: version.project)
      let found = try database.version(version.number, of: model)
      guard found.status == .ready, found.path != nil else {
        throw TrackerError(
          .invalidParameterValue,
          "Model version \(version.reference) can't be used: "
            + (found.path == nil ? "its files are not in Cairn." : "it is \(found.status.rawValue)."))
      }
      try database.execute(
        sql: "INSERT INTO modelUse (model, number, kind, holder, since) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        arguments: [model.id, version.number, kind.rawValue, holder, millisecondsNow()])
    }
  }

  /// Gives back whatever this holder has.
  public func release(_ kind: ModelUse.Kind, _ holder: String) async throws {
    try await write {
      try $0.execute(sql: "DELETE FROM modelUse WHERE kind = ? AND holder = ?", arguments: [kind.rawValue, holder])
    }
  }

  /// Who uses a version. Those that have gone without giving it back are forgotten.
  public func uses(of version: ModelVersion) async throws -> [ModelUse] {
    let uses = try await read { database in
      try Row.fetchAll(
        database, sql: "SELECT kind, holder, since FROM modelUse WHERE model = ? AND number = ? ORDER BY since",
        arguments: [version.model, version.number]
      ).compactMap { row in
        ModelUse.Kind(rawValue: row[0]).map { ModelUse($0, row[1], since: row[2]) }
      }
    }
    var left: [ModelUse] = []
    for use in uses {
      if try await hasGone(use) { try await release(use.kind, use.holder) } else { left.append(use) }
    }
    return left
  }
}
