import FoundationEssentials
import GRDB
import Linux
import Logging
import ModelFormats
import Tracker
import Wire

extension ProjectModels {
  /// Makes the record of a new version, whose files ``ModelRepository/finish(_:)`` makes.
  /// - Parameter makingModel: registers the name, too, if need be; else that it is not is an error.
  /// - Throws: ``TrackerError``
  public func beginVersion(
    of name: String, _ new: NewModelVersion, makingModel: Bool = false
  ) async throws -> ModelVersion {
    try Limits.checkModelName(name)
    for tag in new.tags { try ModelLimits.check(tag) }
    var new = new
    if let job = new.lineage.job, let known = try await repository.lineage(job) {
      new.lineage.workspaceSnapshot = known.workspaceSnapshot
      new.lineage.imageDigest = known.imageDigest
    }
    return try await write { [project, new] database in
      let model: RegisteredModel
      do {
        model = try database.model(name, in: project)
      } catch let error as TrackerError where makingModel && error.code == .resourceDoesNotExist {
        model = try database.addModel(name, in: project, nil, new.user, [])
      }
      return try database.complete(database.addVersion(new, of: model))
    }
  }

  /// Makes a new version, and returns when its files are there.
  /// - Throws: ``TrackerError``; what the storage throws.
  public func register(
    _ name: String, _ new: NewModelVersion, makingModel: Bool = true
  ) async throws -> ModelVersion {
    let version = try await beginVersion(of: name, new, makingModel: makingModel)
    // In a task of its own: a client that goes away in between leaves a whole version behind.
    let repository = repository
    return try await Task { try await repository.finish(version) }.value
  }
}

extension ModelRepository {
  /// Makes the files of a version that is pending, and describes them. One that can't be made is marked as failed.
  public func finish(_ version: ModelVersion) async throws -> ModelVersion {
    do {
      let found = try await makeFiles(of: version)
      try await setReady(version, found)
    } catch {
      let message = "\(error)"
      logger.warning(
        "a model version was not registered", metadata: ["version": "\(version.reference)", "error": "\(message)"])
      try await setFailed(version, message)
      throw error
    }
    let found = try await ready(version)
    if let found, let directory = found.directory { await mendLinks(found.aliases + [Self.latest], in: directory) }
    if let found { return found }
    throw TrackerError(.resourceDoesNotExist, "Model version \(version.reference) was removed meanwhile.")
  }

  /// Picks up what an earlier daemon left, then waits until it is cancelled.
  public func run() async throws {
    await recover()
    while true { try await Task.sleep(for: .seconds(3600)) }
  }

  /// The uploads that versions are being made of, by the numbers of their volumes.
  public func pendingUploads() async throws -> Set<UInt32> {
    let origins = try await read { database in
      try String.fetchAll(database, sql: "SELECT origin FROM modelVersion WHERE status = 'PENDING_REGISTRATION'")
    }
    return Set(
      origins.compactMap { origin in
        guard case .volume(let id)? = try? JSONDecoder().decode(ModelContent.self, from: Data(origin.utf8)) else {
          return nil
        }
        return id
      })
  }

  /// Goes on with what an earlier daemon began: versions that were being made or removed, and links.
  func recover() async {
    do {
      try await finishRemovals()
      for version in leftPending {
        // It is marked as failed if it fails again, and told.
        _ = try? await finish(version)
      }
      try await mendAllLinks()
    } catch {
      logger.error("the model repository was not put in order; the next start tries again: \(error)")
    }
  }

  private struct Found: Sendable {
    var description: ModelDescription
    var files: [VersionFile]
  }

  /// nil: they are not in Cairn.
  private func makeFiles(of version: ModelVersion) async throws -> Found? {
    guard let path = version.path else { return nil }
    let origin = try await read { database in
      try String.fetchOne(
        database, sql: "SELECT origin FROM modelVersion WHERE model = ? AND number = ?",
        arguments: [version.model, version.number])
    }
    guard let origin else {
      throw TrackerError(.resourceDoesNotExist, "Model version \(version.reference) was removed meanwhile.")
    }
    let content = try JSONDecoder().decode(ModelContent.self, from: Data(origin.utf8))
    try await storage.createVersion(at: path, from: content)
    let root = storage.mount + "/" + path
    do {
      return try await offPool {
        let files = try ModelFiles(at: root)
        return Found(description: try describeModel(files), files: try ContentDigest.files(of: files))
      }
    } catch let error as FormatError {
      throw TrackerError(.invalidParameterValue, "These files can't be a model version: \(error).")
    }
  }

  private func setReady(_ version: ModelVersion, _ found: Found?) async throws {
    if let found, let path = version.path { await publish(version, at: path, found) }
    try await write { database in
      let now = millisecondsNow()
      try database.execute(
        sql: """
          UPDATE modelVersion SET status = 'READY', statusMessage = NULL, updatedAt = ?, digest = ?, bytes = ?, files = ?,
            content = ? WHERE model = ? AND number = ?
          """,
        arguments: [
          now, found.map { ContentDigest.digest(of: $0.files) },
          found.map { $0.files.reduce(Int64(0)) { $0 &+ Int64(clamping: $1.size) } }, found?.files.count,
          try found.map { try encoded($0.description) }, version.model, version.number,
        ])
      guard let found else { return }
      try database.execute(
        sql: "INSERT OR REPLACE INTO modelVersionFiles (model, number, list) VALUES (?, ?, ?)",
        arguments: [version.model, version.number, try encoded(found.files)])
    }
  }

  /// Puts what Triton can serve in the layout that it wants. The version is whole without.
  private func publish(_ version: ModelVersion, at path: String, _ found: Found) async {
    guard let directory = version.directory else { return }
    let view = TritonView(
      directory: directory, version: version.number, formats: found.description.formats,
      paths: found.files.map(\.path))
    guard let view else { return }
    do {
      try await trees.run { [storage] in try await storage.publish(view, of: path) }
    } catch {
      logger.warning(
        "a model version is not in Triton's layout", metadata: ["version": "\(version.reference)", "error": "\(error)"])
    }
  }

  private func setFailed(_ version: ModelVersion, _ message: String) async throws {
    try await write { database in
      try database.execute(
        sql: "UPDATE modelVersion SET status = 'FAILED_REGISTRATION', statusMessage = ?, updatedAt = ?"
          + " WHERE model = ? AND number = ?",
        arguments: [message, millisecondsNow(), version.model, version.number])
    }
  }

  private func ready(_ version: ModelVersion) async throws -> ModelVersion? {
    try await read { database in
      try ModelVersion.fetchOne(
        database, sql: "\(ModelVersion.selection) WHERE model = ? AND number = ?",
        arguments: [version.model, version.number]
      ).map { try database.complete($0) }
    }
  }
}

extension Database {
  fileprivate func addVersion(_ new: NewModelVersion, of model: RegisteredModel) throws -> ModelVersion {
    let number = try Int64.fetchOne(
      self, sql: "UPDATE model SET lastVersion = lastVersion + 1 WHERE id = ? RETURNING lastVersion",
      arguments: [model.id])!
    let isPrompt = try isPrompt(model)
    let path: String? = new.content == .elsewhere ? nil : "\(model.directory)/\(number)"
    let now = millisecondsNow()
    try execute(
      sql: """
        INSERT INTO modelVersion (model, number, stage, status, description, source, origin, path, runID, runLink, modelID,
          user, createdAt, updatedAt, lineage)
        VALUES (?, ?, 'None', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        model.id, number, (path == nil ? ModelVersionStatus.ready : .pending).rawValue, new.description, new.source,
        try encoded(new.content), path, new.runID, new.runLink, new.modelID, new.user, now, now,
        try encoded(new.lineage),
      ])
    for tag in new.tags {
      try execute(
        sql: """
          INSERT INTO modelVersionTag (model, number, key, value) VALUES (?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET value = excluded.value
          """, arguments: [model.id, number, tag.key, tag.value])
    }
    try touch(model)
    var data: [(String, JSONValue)] = [("name", .string(model.name)), ("version", .string(String(number)))]
    if isPrompt {
      data.append(("template", (new.tags.last { $0.key == Prompts.text }?.value).json))
    } else {
      data += [("source", .string(new.source)), ("run_id", new.runID.json)]
    }
    data += [("tags", new.tags.json), ("description", new.description.json)]
    try append(
      event: isPrompt ? .promptVersion : .modelVersion, .created, project: model.project, data)
    return try version(number, of: model)
  }
}

func decodedFiles(_ list: String) throws -> [VersionFile] {
  try JSONDecoder().decode([VersionFile].self, from: Data(list.utf8))
}
