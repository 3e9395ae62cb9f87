import GRDB
import Linux
public import Tracker
import Wire

extension ProjectModels {
  /// Registers a name.
  /// - Throws: ``TrackerError``, also where there is one of it.
  public func createModel(
    _ name: String, description: String? = nil, user: String? = nil, tags: [KeyValue] = []
  ) async throws -> RegisteredModel {
    try Limits.checkModelName(name)
    for tag in tags { try ModelLimits.check(tag) }
    return try await write { [project] database in
      if (try? database.model(name, in: project)) != nil {
        throw TrackerError(.resourceAlreadyExists, "Registered Model (name=\(name)) already exists.")
      }
      return try database.complete(database.addModel(name, in: project, description, user, tags))
    }
  }

  /// - Throws: ``TrackerError``
  public func model(_ name: String) async throws -> RegisteredModel {
    try await read { [project] in try $0.complete($0.model(name, in: project)) }
  }

  /// - Parameter description: nil: it stays.
  /// - Throws: ``TrackerError``
  public func updateModel(_ name: String, description: String?) async throws -> RegisteredModel {
    try await write { [project] database in
      let model = try database.model(name, in: project)
      if let description {
        try database.execute(
          sql: "UPDATE model SET description = ? WHERE id = ?", arguments: [description, model.id])
      }
      try database.touch(model)
      return try database.complete(database.model(name, in: project))
    }
  }

  /// Gives a model another name, and its versions with it. Their directory stays where it is: programs have it open.
  /// - Throws: ``TrackerError``
  public func renameModel(_ name: String, to new: String) async throws -> RegisteredModel {
    try Limits.checkModelName(new)
    return try await write { [project] database in
      let model = try database.model(name, in: project)
      if new != name, (try? database.model(new, in: project)) != nil {
        throw TrackerError(.resourceAlreadyExists, "Registered Model (name=\(new)) already exists.")
      }
      try database.execute(sql: "UPDATE model SET name = ? WHERE id = ?", arguments: [new, model.id])
      try database.execute(
        sql: "UPDATE modelVersion SET updatedAt = ? WHERE model = ?", arguments: [millisecondsNow(), model.id])
      try database.touch(model)
      return try database.complete(database.model(new, in: project))
    }
  }

  // MARK: Tags

  /// - Throws: ``TrackerError``
  public func setTag(_ tag: KeyValue, of name: String) async throws {
    try ModelLimits.check(tag)
    try await write { [project] database in
      let model = try database.model(name, in: project)
      try database.execute(
        sql:
          "INSERT INTO modelTag (model, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        arguments: [model.id, tag.key, tag.value])
      try database.touch(model)
      if try database.isPrompt(model) {
        try database.append(
          event: .promptTag, .set, project: project,
          [("name", .string(name)), ("key", .string(tag.key)), ("value", .string(tag.value))])
      }
    }
  }

  /// That there is no such tag is no error, as with MLflow.
  public func deleteTag(_ key: String, of name: String) async throws {
    try await write { [project] database in
      let model = try database.model(name, in: project)
      let isPrompt = try database.isPrompt(model)
      try database.execute(sql: "DELETE FROM modelTag WHERE model = ? AND key = ?", arguments: [model.id, key])
      guard database.changesCount > 0 else { return }
      try database.touch(model)
      if isPrompt {
        try database.append(
          event: .promptTag, .deleted, project: project, [("name", .string(name)), ("key", .string(key))])
      }
    }
  }
}

/// What tags of models and versions may be, see `Limits`.
enum ModelLimits {
  static func check(_ tag: KeyValue) throws(TrackerError) {
    try Limits.checkKey(tag.key, "tag")
    guard tag.value.unicodeScalars.count <= Limits.registryTagLength else {
      throw TrackerError(
        .invalidParameterValue,
        "Tag value of '\(tag.key)' had length \(tag.value.unicodeScalars.count), which exceeded length limit of "
          + "\(Limits.registryTagLength)")
    }
  }
}

extension Database {
  func addModel(
    _ name: String, in project: String, _ description: String?, _ user: String?, _ tags: [KeyValue]
  ) throws -> RegisteredModel {
    let directory = try ModelDirectory.path(for: name, project: project) { path in
      try Bool.fetchOne(self, sql: "SELECT 1 FROM model WHERE directory = ?", arguments: [path]) ?? false
    }
    let now = millisecondsNow()
    try execute(
      sql: """
        INSERT INTO model (project, name, directory, description, user, createdAt, updatedAt, lastVersion)
        VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT ifnull(max(number), 0) FROM modelRemoval WHERE directory = ?))
        """, arguments: [project, name, directory, description, user, now, now, directory])
    let id = lastInsertedRowID
    for tag in tags {
      try execute(
        sql:
          "INSERT INTO modelTag (model, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        arguments: [id, tag.key, tag.value])
    }
    try append(
      event: tags.areOfPrompt ? .prompt : .registeredModel, .created, project: project,
      [("name", .string(name)), ("tags", tags.json), ("description", description.json)])
    return try model(name, in: project)
  }

  func isPrompt(_ model: RegisteredModel) throws -> Bool {
    try Bool.fetchOne(
      self, sql: "SELECT 1 FROM modelTag WHERE model = ? AND key = ? AND lower(value) = 'true'",
      arguments: [model.id, Prompts.tag]) ?? false
  }
}
