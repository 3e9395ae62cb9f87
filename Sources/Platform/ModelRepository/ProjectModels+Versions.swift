import GRDB
import Linux
public import ModelFormats
public import Tracker
import Wire

extension ProjectModels {
  /// - Throws: ``TrackerError``
  public func version(_ number: Int64, of name: String) async throws -> ModelVersion {
    try await read { [project] in try $0.complete($0.version(number, of: $0.model(name, in: project))) }
  }

  /// Whether this path under the mount is that of a version of this project that is ready.
  public func hasVersion(at path: String) async throws -> Bool {
    try await read { [project] database in
      try Bool.fetchOne(
        database,
        sql: """
          SELECT 1 FROM modelVersion JOIN model ON model.id = modelVersion.model
          WHERE model.project = ? AND path = ? AND status = 'READY'
          """, arguments: [project, path]) ?? false
    }
  }

  /// The version that a reference names: a number, an alias, `latest`, or a stage, whose newest version it is then.
  /// - Throws: ``TrackerError``
  public func version(named reference: String, of name: String) async throws -> ModelVersion {
    let model = try await model(name)
    if let number = Int64(reference) { return try await version(number, of: name) }
    if let alias = model.aliases.first(where: { $0.alias == reference }) {
      return try await version(alias.version, of: name)
    }
    let newest =
      reference.lowercased() == "latest"
      ? model.latestVersions.last
      : model.latestVersions.last { $0.stage.rawValue.lowercased() == reference.lowercased() }
    guard let newest else {
      let aliases = model.aliases.map(\.alias).joined(separator: ", ")
      throw TrackerError(
        .resourceDoesNotExist,
        "Model \(name) has no version \(reference): give a number, latest, a stage, or one of its aliases"
          + (aliases.isEmpty ? ", of which it has none." : " (\(aliases))."))
    }
    return newest
  }

  /// All of a model's versions, the newest first.
  public func versions(of name: String) async throws -> [ModelVersion] {
    try await read { [project] database in
      let model = try database.model(name, in: project)
      return try ModelVersion.fetchAll(
        database, sql: "\(ModelVersion.selection) WHERE model = ? ORDER BY number DESC", arguments: [model.id]
      ).map { try database.complete($0) }
    }
  }

  /// The newest version of each of these stages, or of all.
  /// - Throws: ``TrackerError``
  public func latestVersions(of name: String, stages: [String]) async throws -> [ModelVersion] {
    let wanted = try Set(stages.map { try ModelStage(named: $0) })
    return try await model(name).latestVersions.filter { wanted.isEmpty || wanted.contains($0.stage) }
  }

  /// A version's files with their checksums; none where they are not in Cairn.
  public func files(of version: ModelVersion) async throws -> [VersionFile] {
    let list = try await read { database in
      try String.fetchOne(
        database, sql: "SELECT list FROM modelVersionFiles WHERE model = ? AND number = ?",
        arguments: [version.model, version.number])
    }
    return try list.map { try decodedFiles($0) } ?? []
  }

  /// - Parameter description: nil: it stays.
  /// - Throws: ``TrackerError``
  public func updateVersion(_ number: Int64, of name: String, description: String?) async throws -> ModelVersion {
    try await change(number, of: name) { database, model in
      guard let description else { return }
      try database.execute(
        sql: "UPDATE modelVersion SET description = ? WHERE model = ? AND number = ?",
        arguments: [description, model.id, number])
    }
  }

  /// Moves a version to a stage.
  /// - Parameter archivingOthers: moves the versions that are there to `Archived`; only for stages that are in use.
  /// - Throws: ``TrackerError``
  public func moveVersion(
    _ number: Int64, of name: String, to stage: ModelStage, archivingOthers: Bool
  ) async throws -> ModelVersion {
    guard !archivingOthers || stage.isActive else {
      throw TrackerError(
        .invalidParameterValue,
        "Model version transition cannot archive existing model versions because '\(stage.rawValue)' is not an Active "
          + "stage. Valid stages are Staging, Production")
    }
    return try await change(number, of: name) { database, model in
      if archivingOthers {
        try database.execute(
          sql: """
            UPDATE modelVersion SET stage = 'Archived', updatedAt = ? WHERE model = ? AND number != ? AND stage = ?
            """, arguments: [millisecondsNow(), model.id, number, stage.rawValue])
      }
      try database.execute(
        sql: "UPDATE modelVersion SET stage = ? WHERE model = ? AND number = ?",
        arguments: [stage.rawValue, model.id, number])
    }
  }

  private func change(
    _ number: Int64, of name: String, _ body: @escaping @Sendable (Database, RegisteredModel) throws -> Void
  ) async throws -> ModelVersion {
    try await write { [project] database in
      let model = try database.model(name, in: project)
      _ = try database.version(number, of: model)
      try body(database, model)
      try database.touch(model, version: number)
      return try database.complete(database.version(number, of: model))
    }
  }

  // MARK: Tags

  /// - Throws: ``TrackerError``
  public func setTag(_ tag: KeyValue, ofVersion number: Int64, of name: String) async throws {
    try ModelLimits.check(tag)
    _ = try await change(number, of: name) { [project] database, model in
      try database.execute(
        sql: """
          INSERT INTO modelVersionTag (model, number, key, value) VALUES (?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET value = excluded.value
          """, arguments: [model.id, number, tag.key, tag.value])
      try database.append(
        event: try database.isPrompt(model) ? .promptVersionTag : .modelVersionTag, .set, project: project,
        [
          ("name", .string(name)), ("version", .string(String(number))), ("key", .string(tag.key)),
          ("value", .string(tag.value)),
        ])
    }
  }

  /// That there is no such tag is no error, as with MLflow.
  public func deleteTag(_ key: String, ofVersion number: Int64, of name: String) async throws {
    _ = try await change(number, of: name) { [project] database, model in
      try database.execute(
        sql: "DELETE FROM modelVersionTag WHERE model = ? AND number = ? AND key = ?",
        arguments: [model.id, number, key])
      guard database.changesCount > 0 else { return }
      try database.append(
        event: try database.isPrompt(model) ? .promptVersionTag : .modelVersionTag, .deleted, project: project,
        [("name", .string(name)), ("version", .string(String(number))), ("key", .string(key))])
    }
  }

  // MARK: Aliases

  /// Lets an alias name this version, whatever it named before.
  /// - Throws: ``TrackerError``
  public func setAlias(_ alias: String, of name: String, to number: Int64) async throws {
    try Limits.checkAlias(alias)
    let version = try await change(number, of: name) { [project] database, model in
      try database.execute(
        sql: """
          INSERT INTO modelAlias (model, alias, number) VALUES (?, ?, ?)
          ON CONFLICT DO UPDATE SET number = excluded.number
          """, arguments: [model.id, alias, number])
      try database.append(
        event: try database.isPrompt(model) ? .promptAlias : .modelVersionAlias, .created, project: project,
        [("name", .string(name)), ("alias", .string(alias)), ("version", .string(String(number)))])
    }
    if let directory = version.directory { await repository.mendLinks([alias], in: directory) }
  }

  /// That there is no such alias is no error, as with MLflow.
  public func deleteAlias(_ alias: String, of name: String) async throws {
    let model = try await write { [project] database in
      let model = try database.model(name, in: project)
      try database.execute(sql: "DELETE FROM modelAlias WHERE model = ? AND alias = ?", arguments: [model.id, alias])
      if database.changesCount > 0 {
        try database.touch(model)
        try database.append(
          event: try database.isPrompt(model) ? .promptAlias : .modelVersionAlias, .deleted, project: project,
          [("name", .string(name)), ("alias", .string(alias))])
      }
      return model
    }
    await repository.mendLinks([alias], in: model.directory)
  }

  /// - Throws: ``TrackerError``
  public func version(alias: String, of name: String) async throws -> ModelVersion {
    try await read { [project] database in
      let model = try database.model(name, in: project)
      let number = try Int64.fetchOne(
        database, sql: "SELECT number FROM modelAlias WHERE model = ? AND alias = ?", arguments: [model.id, alias])
      guard let number else {
        throw TrackerError(.invalidParameterValue, "Registered model alias \(alias) not found.")
      }
      return try database.complete(database.version(number, of: model))
    }
  }
}
