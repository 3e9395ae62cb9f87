import GRDB
import Linux
public import NotebookStates

/// A change of a notebook's state that ``NotebookTransition/all`` does not have: a mistake in the program.
public struct IllegalNotebookTransition: Error, CustomStringConvertible, Sendable {
  public let notebook: String
  public let transition: NotebookTransition

  public var description: String {
    "notebook \(notebook) can't go from \(transition.from.rawValue) to \(transition.to.rawValue)"
      + " because of \(transition.reason.rawValue); please report this"
  }
}

extension ControlDatabase {
  /// Writes a new notebook down; its project is made if need be. One without a source is to be started, a fork is
  /// stopped.
  /// - Parameter id: a new one, of ``Names/newIdentifier()``.
  /// - Throws: ``ControlError`` `invalid` for a bad name, `conflict` where there is one of this name.
  public func addNotebook(_ request: NotebookRequest, id: String, source: NotebookSource? = nil) async throws
    -> Notebook
  {
    try Self.validate(project: request.project)
    let name = request.name ?? id
    guard Names.isValid(name) else {
      throw ControlError(
        .invalid, subject: name,
        "\"\(name)\" can't be a notebook's name: use up to 64 letters, digits, dots, dashes and underscores,"
          + " beginning with a letter or digit")
    }
    return try await write { database in
      let isTaken = try Bool.fetchOne(
        database, sql: "SELECT EXISTS (SELECT * FROM notebook WHERE name = :name OR id = :name)",
        arguments: ["name": name])
      guard isTaken == false else {
        throw ControlError(
          .conflict, subject: name,
          "there is a notebook \(name) already: give this one another name, or cairn notebook resume \(name)")
      }
      try database.checkSnapshot(request.workspaceSnapshot)
      try database.addProject(request.project)
      let state: NotebookState = source == nil ? .starting : .stopped
      let reason: NotebookReason = source == nil ? .created : .forked
      let now = nanosecondsNow()
      try database.execute(
        sql: """
          INSERT INTO notebook (id, name, project, request, state, reason, job, snapshots, source, createdAt, stoppedAt)
          VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)
          """,
        arguments: [
          id, name, request.project, try jsonColumn(request), state.rawValue, reason.rawValue,
          source == nil ? Names.newIdentifier() : nil, try source.map(jsonColumn), now, source == nil ? nil : now,
        ])
      try database.append(event: .notebook, subject: id, from: nil, to: state.rawValue, reason: reason.rawValue)
      return try database.notebook(id)
    }
  }

  /// Begins a stopped notebook's next start, with a new job's identifier. One that is active already stays as it is.
  /// - Throws: ``ControlError`` `conflict` while it is stopping.
  public func resumeNotebook(_ id: String) async throws -> Notebook {
    try await write { database in
      var notebook = try database.notebook(id)
      switch notebook.state {
      case .starting, .running, .expiring: return notebook
      case .stopping, .removing:
        throw ControlError(
          .conflict, subject: id, "notebook \(notebook.name) is \(notebook.state.rawValue); try again when it has ended"
        )
      case .stopped, .failed: break
      }
      notebook.job = Names.newIdentifier()
      (notebook.startedAt, notebook.stoppedAt, notebook.detail) = (nil, nil, nil)
      try database.change(&notebook, to: .starting, .resumed)
      return notebook
    }
  }

  /// Its server answers.
  public func notebookRuns(_ id: String) async throws -> Notebook {
    try await write { database in
      var notebook = try database.notebook(id)
      guard notebook.state == .starting else { return notebook }
      notebook.startedAt = nanosecondsNow()
      notebook.detail = nil
      try database.change(&notebook, to: .running, .serverReady)
      return notebook
    }
  }

  /// It is used again, or it will be stopped soon: `detail` says when.
  public func setExpiring(_ id: String, _ reason: NotebookReason?, detail: String?) async throws {
    try await write { database in
      var notebook = try database.notebook(id)
      notebook.detail = detail
      switch (notebook.state, reason) {
      case (.running, let reason?): try database.change(&notebook, to: .expiring, reason)
      case (.expiring, nil): try database.change(&notebook, to: .running, .activity)
      default: return
      }
    }
  }

  /// Has it stopped. One that is stopping, or has stopped, stays as it is.
  public func stopNotebook(_ id: String, _ reason: NotebookReason, detail: String? = nil) async throws -> Notebook {
    try await write { database in
      var notebook = try database.notebook(id)
      switch notebook.state {
      case .starting, .running, .expiring:
        notebook.detail = detail
        try database.change(&notebook, to: .stopping, reason)
      case .stopping, .stopped, .failed, .removing: break
      }
      return notebook
    }
  }

  /// Nothing of it runs any more. Its volumes are the snapshot of this number, or nil where there was nothing to keep.
  public func notebookStopped(_ id: String, snapshot: Int?) async throws {
    try await write { database in
      var notebook = try database.notebook(id)
      guard notebook.state == .stopping else { return }
      let now = nanosecondsNow()
      if let snapshot {
        try database.execute(
          sql: "INSERT INTO notebookSnapshot (notebook, number, createdAt) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
          arguments: [id, snapshot, now])
        notebook.snapshots = snapshot
      }
      notebook.stoppedAt = now
      let hasFailed = [.serverEnded, .startFailed].contains(notebook.reason)
      try database.change(&notebook, to: hasFailed ? .failed : .stopped, notebook.reason)
    }
  }

  public func removeSnapshot(_ number: Int, of notebook: String) async throws {
    try await write {
      try $0.execute(
        sql: "DELETE FROM notebookSnapshot WHERE notebook = ? AND number = ?", arguments: [notebook, number])
    }
  }

  /// Begins to remove a notebook.
  /// - Throws: ``ControlError`` `conflict` while it is active.
  public func beginRemoval(ofNotebook id: String) async throws {
    try await write { database in
      var notebook = try database.notebook(id)
      switch notebook.state {
      case .removing: return
      case .stopped, .failed: try database.change(&notebook, to: .removing, .requested)
      case .starting, .running, .expiring, .stopping:
        throw ControlError(
          .conflict, subject: id,
          "notebook \(notebook.name) is \(notebook.state.rawValue); stop it first: cairn notebook stop \(notebook.name)"
        )
      }
    }
  }

  /// Its volumes are gone: so is its record.
  public func removeNotebook(_ id: String) async throws {
    try await write { database in
      let snapshot = try UInt32.fetchOne(
        database, sql: "SELECT request ->> '$.workspaceSnapshot' FROM notebook WHERE id = ?", arguments: [id])
      try database.execute(sql: "DELETE FROM notebook WHERE id = ? AND state = 'removing'", arguments: [id])
      guard database.changesCount == 1 else { return }
      try database.retireSnapshot(snapshot)
      try database.append(event: .notebook, subject: id, from: "removing", to: nil, reason: "removed")
    }
  }
}

extension Database {
  /// Changes a notebook's state, if that is legal, and tells it.
  fileprivate func change(_ notebook: inout Notebook, to state: NotebookState, _ reason: NotebookReason) throws {
    let transition = NotebookTransition(from: notebook.state, to: state, reason: reason)
    guard transition.isLegal else { throw IllegalNotebookTransition(notebook: notebook.id, transition: transition) }
    (notebook.state, notebook.reason) = (state, reason)
    try execute(
      sql: """
        UPDATE notebook SET state = ?, reason = ?, detail = ?, job = ?, snapshots = ?, startedAt = ?, stoppedAt = ?
        WHERE id = ?
        """,
      arguments: [
        state.rawValue, reason.rawValue, notebook.detail, notebook.job, notebook.snapshots, notebook.startedAt,
        notebook.stoppedAt, notebook.id,
      ])
    try append(
      event: .notebook, subject: notebook.id, from: transition.from.rawValue, to: state.rawValue,
      reason: reason.rawValue, detail: notebook.detail)
  }
}
