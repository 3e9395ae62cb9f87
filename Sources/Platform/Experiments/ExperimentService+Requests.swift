public import ControlDatabase
import ExperimentFiles
import ExperimentStates
import FoundationEssentials
import Jobs
import Linux
import Searchers

extension ExperimentService {
  /// Writes an experiment down; it begins at once.
  /// - Parameter provideModels: finds these model versions, by how the file names them, and keeps them from being removed
  ///   until the experiment of this identifier has ended.
  /// - Throws: `ControlError` `invalid` for a file that can't be run, with what is wrong and where, and whatever jobs like
  ///   its own would be refused for.
  public nonisolated func submit(
    _ request: ExperimentRequest,
    provideModels: (_ names: [String], _ project: String, _ experiment: String) async throws -> [String: MountedModel]
  ) async throws -> Experiment {
    let file: ExperimentFile
    do {
      file = try ExperimentFile(parsing: request.text, seed: .random(in: 0..<1 << 53))
    } catch let error as ExperimentFileError {
      throw ControlError(.invalid, subject: request.name ?? "file", "the file can't be run: \(error)")
    }
    let id = Names.newIdentifier()
    let name = request.name ?? file.name ?? id
    let project = request.project ?? file.project ?? Names.project(forDirectory: request.directory)
    for (what, text) in [("experiment", name), ("project", project)] where !Names.isValid(text) {
      throw ControlError(
        .invalid, subject: text,
        "\"\(text)\" can't be the name of an \(what): use up to 64 letters, digits, dots, dashes and underscores")
    }
    func experiment(_ models: [String: MountedModel]?) -> Experiment {
      Experiment(
        id: id, name: name, project: project, text: request.text, file: file,
        workspaceSnapshot: request.workspaceSnapshot, git: request.git, models: models,
        searcherVersion: Searcher.version, state: .running, detail: nil, restarts: 0, subnet: nil,
        createdAt: nanosecondsNow(), endedAt: nil)
    }
    // Now, when somebody looks, rather than when the first job is made.
    for template in file.templates {
      try await jobs.validate(JobRequest(experiment(nil), name: "0", template, command: ["true"]))
    }
    do {
      try await database.add(experiment(file.models.isEmpty ? nil : provideModels(file.models, project, id)))
      // Not before the experiment is written down: then either this is seen, or the experiment by who removes it.
      if let snapshot = request.workspaceSnapshot { try await jobs.checkIsThere(snapshot: snapshot) }
    } catch {
      try await database.remove(id)
      if !file.models.isEmpty { try await configuration.releaseModels(id) }
      throw error
    }
    return try await database.experiment(id)
  }

  /// The numbers of the snapshots that experiments' workspaces are cloned from.
  public nonisolated func workspaceSnapshots() async throws -> Set<UInt32> { try await database.workspaceSnapshots() }

  /// The newest first.
  public nonisolated func list(project: String? = nil, limit: Int = 100) async throws -> [Experiment] {
    try await database.experiments(project: project, limit: limit)
  }

  /// The experiment with this identifier, this unique prefix of one, or this name. Where several have the name and all
  /// but one have ended, it is the one that has not.
  /// - Throws: `ControlError` `notFound`, or `ambiguous` with the candidates named.
  public nonisolated func find(_ reference: String) async throws -> Experiment {
    let found = reference.isEmpty ? [] : try await database.experiments(matching: reference)
    if found.count == 1 { return found[0] }
    let unfinished = found.filter { !$0.state.isTerminal }
    if unfinished.count == 1 && unfinished[0].name == reference { return unfinished[0] }
    if found.isEmpty {
      throw ControlError(
        .notFound, subject: reference,
        "there is no experiment \"\(reference)\"; cairn experiment ls shows those there are")
    }
    let candidates = found.map { "\($0.id) (\($0.name), \($0.state.rawValue))" }.joined(separator: ", ")
    throw ControlError(.ambiguous, subject: reference, "\"\(reference)\" may be any of: \(candidates)")
  }

  /// In the order of their numbers. `experiment` is a full identifier, as in all that follows.
  public nonisolated func trials(of experiment: String) async throws -> [Trial] {
    try await database.trials(of: experiment)
  }

  /// In the order of restarts and ranks.
  public nonisolated func replicas(of experiment: String) async throws -> [Replica] {
    try await database.replicas(of: experiment)
  }

  /// What a sweep's searcher was told and decided, in order.
  public nonisolated func searchLog(of experiment: String) async throws -> [SearchRecord] {
    try await database.searchLog(of: experiment)
  }

  /// Stops an experiment and all its jobs. Returns at once; ``wait(for:)`` tells the end.
  public nonisolated func stop(_ experiment: String) async throws -> Experiment {
    try await database.requestStop(experiment)
  }

  /// Returns the experiment when it has ended.
  public nonisolated func wait(for id: String) async throws -> Experiment {
    for await _ in database.watchChanges() {
      let experiment = try await database.experiment(id)
      if experiment.state.isTerminal { return experiment }
    }
    throw CancellationError()
  }

  /// Removes an ended experiment and its jobs; their artifacts only if asked to, and with them the checkpoints.
  /// - Throws: `ControlError` `conflict` while it has not ended.
  public func remove(_ id: String, artifacts: Bool = false) async throws {
    let experiment = try await database.experiment(id)
    guard experiment.state.isTerminal else {
      throw ControlError(
        .conflict, subject: id,
        "experiment \(experiment.name) is \(experiment.state.rawValue); stop it first: cairn experiment stop \(id)")
    }
    while isDriven(id) { try await Task.sleep(for: .milliseconds(10)) }
    for job in try await jobsOf(id) {
      do {
        try await jobs.remove(job, artifacts: artifacts)
      } catch let error as ControlError where error.code == .notFound {
        continue
      }
    }
    let directory = directory(of: id)
    for path in [directory.path] + (artifacts ? [directory.checkpoints] : [])
    where FileManager.default.fileExists(atPath: path) {
      try FileManager.default.removeItem(atPath: path)
    }
    // The record last: whatever fails before can be tried again.
    try await database.remove(id)
    if let snapshot = experiment.workspaceSnapshot { try await jobs.release(snapshot: snapshot) }
  }
}
