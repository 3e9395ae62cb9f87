import FoundationEssentials
public import GRDB
import Linux
import ModelFormats
import Tracker

extension RegisteredModel: FetchableRecord {
  public init(row: Row) {
    self.init(
      id: row["id"], project: row["project"], name: row["name"], description: row["description"], user: row["user"],
      createdAt: row["createdAt"], updatedAt: row["updatedAt"], directory: row["directory"])
  }
}

extension ModelAlias: FetchableRecord {
  public init(row: Row) { self.init(alias: row["alias"], version: row["number"]) }
}

extension ModelVersion: FetchableRecord {
  static let selection = """
    SELECT modelVersion.*, model.name AS name, model.project AS project
    FROM modelVersion JOIN model ON model.id = modelVersion.model
    """

  public init(row: Row) {
    self.init(
      model: row["model"], project: row["project"], name: row["name"], number: row["number"],
      stage: ModelStage(rawValue: row["stage"]) ?? .none,
      status: ModelVersionStatus(rawValue: row["status"]) ?? .failed, statusMessage: row["statusMessage"],
      description: row["description"], source: row["source"], path: row["path"], runID: row["runID"],
      runLink: row["runLink"], modelID: row["modelID"], user: row["user"], createdAt: row["createdAt"],
      updatedAt: row["updatedAt"], digest: row["digest"], bytes: row["bytes"], files: row["files"],
      content: decoded(row["content"]), lineage: decoded(row["lineage"]) ?? ModelLineage())
  }
}

/// nil also where an older version of Cairn wrote what this one can't read.
private func decoded<Value: Decodable>(_ text: String?) -> Value? {
  text.flatMap { try? JSONDecoder().decode(Value.self, from: Data($0.utf8)) }
}

func encoded(_ value: some Encodable) throws -> String {
  String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
}

extension Database {
  /// - Throws: `TrackerError`
  func model(_ name: String, in project: String) throws -> RegisteredModel {
    let model = try RegisteredModel.fetchOne(
      self, sql: "SELECT * FROM model WHERE project = ? AND name = ?", arguments: [project, name])
    guard let model else {
      throw TrackerError(.resourceDoesNotExist, "Registered Model with name=\(name) not found")
    }
    return model
  }

  /// - Throws: `TrackerError`
  func version(_ number: Int64, of model: RegisteredModel) throws -> ModelVersion {
    let version = try ModelVersion.fetchOne(
      self, sql: "\(ModelVersion.selection) WHERE model = ? AND number = ?", arguments: [model.id, number])
    guard let version else {
      throw TrackerError(
        .resourceDoesNotExist, "Model Version (name=\(model.name), version=\(number)) not found")
    }
    return version
  }

  /// The same with tags, aliases and, of a model, its latest versions.
  func complete(_ model: RegisteredModel) throws -> RegisteredModel {
    var model = model
    model.tags = try Row.fetchAll(
      self, sql: "SELECT key, value FROM modelTag WHERE model = ? ORDER BY key", arguments: [model.id]
    ).map { KeyValue($0[0], $0[1]) }
    model.aliases = try ModelAlias.fetchAll(
      self, sql: "SELECT alias, number FROM modelAlias WHERE model = ? ORDER BY alias", arguments: [model.id])
    model.latestVersions = try ModelVersion.fetchAll(
      self,
      sql: """
        \(ModelVersion.selection) WHERE model = :model AND number IN
          (SELECT max(number) FROM modelVersion WHERE model = :model GROUP BY stage) ORDER BY number
        """, arguments: ["model": model.id]
    ).map { try complete($0) }
    return model
  }

  func complete(_ version: ModelVersion) throws -> ModelVersion {
    var version = version
    version.tags = try Row.fetchAll(
      self, sql: "SELECT key, value FROM modelVersionTag WHERE model = ? AND number = ? ORDER BY key",
      arguments: [version.model, version.number]
    ).map { KeyValue($0[0], $0[1]) }
    version.aliases = try String.fetchAll(
      self, sql: "SELECT alias FROM modelAlias WHERE model = ? AND number = ? ORDER BY alias",
      arguments: [version.model, version.number])
    return version
  }

  /// Notes that something of a model has changed now.
  func touch(_ model: RegisteredModel, version: Int64? = nil) throws {
    let now = millisecondsNow()
    try execute(sql: "UPDATE model SET updatedAt = ? WHERE id = ?", arguments: [now, model.id])
    guard let version else { return }
    try execute(
      sql: "UPDATE modelVersion SET updatedAt = ? WHERE model = ? AND number = ?", arguments: [now, model.id, version])
  }
}
