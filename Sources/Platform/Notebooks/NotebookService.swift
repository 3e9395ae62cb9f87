public import ControlDatabase
public import Jobs
public import Logging
import NotebookStates

/// Notebooks from their first start to their removal.
public actor NotebookService {
  private let database: ControlDatabase
  private let storage: any NotebookStorage
  private let runner: NotebookRunner
  private nonisolated let servers: NotebookServers
  private let logger: Logger
  /// Those that a task of this process looks after.
  private var running: Set<String> = []

  /// - Parameter directory: for the sockets of servers; see ``ServerDirectory``.
  public init(
    directory: String, passes: AccessPasses, database: ControlDatabase, jobs: JobService,
    storage: any NotebookStorage, logger: Logger
  ) {
    self.database = database
    self.storage = storage
    self.logger = logger
    servers = NotebookServers(directory: directory, passes: passes)
    runner = NotebookRunner(
      database: database, jobs: jobs, storage: storage, servers: servers, logger: logger)
  }

  /// Picks up what an earlier daemon left, then looks after notebooks until it is cancelled. Their containers outlive it.
  public func run() async throws {
    await withDiscardingTaskGroup { group in
      for await _ in database.watchChanges() {
        for notebook in (try? await database.notebooksInMotion()) ?? [] where running.insert(notebook.id).inserted {
          group.addTask { await self.lookAfter(notebook.id) }
        }
      }
      group.cancelAll()
    }
    try Task.checkCancellation()
  }

  private func lookAfter(_ id: String) async {
    var pause = Duration.seconds(1)
    while !Task.isCancelled {
      do {
        try await runner.run(id)
        break
      } catch let error as ControlError where error.code == .notFound && error.subject == id {
        break
      } catch {
        if Task.isCancelled { break }
        logger.error(
          "notebook interrupted; it will be picked up again", metadata: ["notebook": "\(id)", "error": "\(error)"])
        try? await Task.sleep(for: pause)
        pause = min(pause * 2, .seconds(60))
      }
    }
    running.remove(id)
    // It may have been resumed before this task was over.
    database.announceChange()
  }

  // MARK: Requests

  /// Makes a notebook and starts it.
  /// - Throws: ``ControlError`` `invalid`, or `conflict` where there is one of this name.
  public func start(_ request: NotebookRequest) async throws -> Notebook {
    try check(request)
    return try await database.addNotebook(request, id: Names.newIdentifier())
  }

  /// The newest first.
  public nonisolated func list(project: String? = nil) async throws -> [Notebook] {
    try await database.notebooks(project: project)
  }

  /// The notebook with this identifier, this name, or this unique beginning of an identifier.
  /// - Throws: ``ControlError`` `notFound`, or `ambiguous` with the candidates named.
  public nonisolated func find(_ reference: String) async throws -> Notebook {
    let found = reference.isEmpty ? [] : try await database.notebooks(matching: reference)
    if found.count == 1 { return found[0] }
    if let named = found.first(where: { $0.name == reference }) { return named }
    guard !found.isEmpty else {
      throw ControlError(
        .notFound, subject: reference,
        "there is no notebook \"\(reference)\"; cairn notebook ls shows those there are")
    }
    let candidates = found.map { "\($0.id) (\($0.name))" }.joined(separator: ", ")
    throw ControlError(.ambiguous, subject: reference, "\"\(reference)\" may be any of: \(candidates)")
  }

  /// The oldest first. `notebook` is a full identifier, as in all that follows.
  public nonisolated func snapshots(of notebook: String) async throws -> [NotebookSnapshot] {
    try await database.snapshots(of: notebook)
  }

  /// Returns at once: the state tells when it has stopped.
  public func stop(_ notebook: String) async throws -> Notebook {
    try await database.stopNotebook(notebook, .requested)
  }

  /// Starts a stopped notebook again, with its workspace and its environment as they are.
  /// - Throws: ``ControlError`` `conflict` while it is stopping.
  public func resume(_ notebook: String) async throws -> Notebook { try await database.resumeNotebook(notebook) }

  /// Makes a stopped notebook of the workspace and the environment of another one. Both go their own ways from then on.
  /// - Parameters:
  ///   - snapshot: one of those of the other; nil: what it is now.
  ///   - project: nil: the other's.
  /// - Throws: ``ControlError`` `notFound` where there is no such snapshot, `conflict` where the name is taken.
  public func fork(
    _ notebook: String, snapshot: Int? = nil, name: String? = nil, project: String? = nil
  ) async throws -> Notebook {
    let original = try await database.notebook(notebook)
    if let snapshot, try await !database.snapshots(of: notebook).contains(where: { $0.number == snapshot }) {
      throw ControlError(
        .notFound, subject: String(snapshot),
        "notebook \(original.name) has no snapshot \(snapshot); cairn notebook show \(original.name) lists them")
    }
    var request = original.request
    (request.name, request.project) = (name, project ?? request.project)
    // Its workspace is made here, not when it is started.
    request.workspaceSnapshot = nil
    let fork = try await database.addNotebook(
      request, id: Names.newIdentifier(), source: NotebookSource(notebook: notebook, snapshot: snapshot))
    do {
      try await NotebookVolumes(notebook: fork.id).provide(for: fork, in: storage)
    } catch {
      try await remove(fork.id)
      throw error
    }
    return fork
  }

  /// Removes a stopped notebook, with its workspace, its environment and their snapshots. Returns when it is gone.
  /// - Throws: ``ControlError`` `conflict` while it is active.
  public func remove(_ notebook: String) async throws {
    try await database.beginRemoval(ofNotebook: notebook)
    for await _ in database.watchChanges() {
      do {
        _ = try await database.notebook(notebook)
      } catch let error as ControlError where error.code == .notFound {
        return
      }
    }
    throw CancellationError()
  }

  /// The server of a notebook.
  /// - Throws: ``ControlError`` `notFound`; `conflict` with what to do where it does not run.
  public nonisolated func server(of notebook: String) async throws -> ReachableServer {
    let notebook = try await database.notebook(notebook)
    switch notebook.state {
    case .starting, .running, .expiring, .stopping: break
    case .stopped, .failed, .removing:
      throw ControlError(
        .conflict, subject: notebook.id,
        "notebook \(notebook.name) is \(notebook.state.rawValue); start it: cairn notebook resume \(notebook.name)")
    }
    guard let server = servers.server(of: notebook) else {
      throw ControlError(.conflict, subject: notebook.id, "notebook \(notebook.name) has no server yet")
    }
    return server
  }

  /// Somebody has saved a file: who writes a text runs no kernel, and is at work all the same. An editor saves only what
  /// was changed, so an open tab alone does not.
  public nonisolated func noteSave(in notebook: String) { servers.noteSave(in: notebook) }

  private func check(_ request: NotebookRequest) throws {
    func refuse(_ message: String) throws {
      throw ControlError(.invalid, subject: request.name ?? request.image, message)
    }
    if request.python.isEmpty || request.python.hasPrefix("-") || request.python.utf8.contains(0) {
      try refuse("\"\(request.python)\" can't be a Python; give a name such as python3, or a path")
    }
    for (limit, option) in [(request.idleSeconds, "--idle-timeout"), (request.lifetimeSeconds, "--max-lifetime")] {
      if let limit, !(1...100_000_000).contains(limit) { try refuse("\(option) is one second or more") }
    }
  }
}
