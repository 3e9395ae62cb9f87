public import Containers
public import ControlDatabase
import ExperimentFiles
import ExperimentStates
import FoundationEssentials
public import Jobs
import Linux
public import Logging
import Searchers
public import Tracker

/// Where the experiment service keeps its files.
public struct ExperimentConfiguration: Sendable {
  /// The control plane's directory: `experiments.db`, `experiments/`.
  public var directory: String
  /// The host's path of Cairn's mount.
  public var mount: String
  /// Directories that are empty in containers on the host's root file system: state, keys, sockets.
  public var maskedPaths: [String]
  /// Copies a directory's content into another that is empty, within the mount, which shares the chunks.
  public var copyTree: @Sendable (_ from: String, _ to: String) async throws -> Void

  /// Gives back the model versions that an experiment has, if it has any.
  public var releaseModels: @Sendable (_ experiment: String) async throws -> Void

  public init(
    directory: String, mount: String, maskedPaths: [String],
    copyTree: @escaping @Sendable (_ from: String, _ to: String) async throws -> Void,
    releaseModels: @escaping @Sendable (_ experiment: String) async throws -> Void
  ) {
    self.directory = directory
    self.mount = mount
    self.maskedPaths = maskedPaths
    self.copyTree = copyTree
    self.releaseModels = releaseModels
  }
}

/// Experiments from their file to their removal.
public actor ExperimentService {
  /// Programs log many values at once: between two looks others may come.
  private static let pause = Duration.milliseconds(300)

  let configuration: ExperimentConfiguration
  let database: ExperimentDatabase
  let control: ControlDatabase
  let jobs: JobService
  let tracker: Tracker
  let podman: Podman
  private let logger: Logger
  /// Something that an experiment waits for may have happened.
  private let ticks = ChangeSignal()
  /// Experiments that a task of this process looks after.
  private var driven: Set<String> = []

  /// - Throws: `RecordFileError` where another process has `experiments.db` open, or a newer version of Cairn wrote it.
  public init(
    configuration: ExperimentConfiguration, control: ControlDatabase, jobs: JobService, tracker: Tracker,
    podman: Podman, logger: Logger
  ) throws {
    self.configuration = configuration
    self.control = control
    self.jobs = jobs
    self.tracker = tracker
    self.podman = podman
    self.logger = logger
    database = try ExperimentDatabase(path: configuration.directory + "/experiments.db")
    tracker.whenMetricsAreLogged { [ticks] in ticks.notify() }
  }

  // MARK: Running

  /// Picks up what an earlier daemon left, then runs experiments until it is cancelled. Their jobs outlive it.
  public func run() async throws {
    try await removeLeftoverNetworks()
    // Of those that ended just before the daemon did.
    for experiment in try await database.endedExperimentsWithModels() { await releaseModels(of: experiment) }
    try await withThrowingDiscardingTaskGroup { group in
      defer { group.cancelAll() }
      group.addTask { for await _ in self.control.watchChanges() { self.ticks.notify() } }
      for await _ in database.watchChanges() {
        ticks.notify()
        for experiment in try await database.unfinishedExperiments() where driven.insert(experiment.id).inserted {
          group.addTask { await self.drive(experiment) }
        }
      }
    }
  }

  private func drive(_ experiment: Experiment) async {
    var pause = Duration.seconds(1)
    while !Task.isCancelled {
      do {
        try await driveOnce(experiment)
        break
      } catch {
        if Task.isCancelled { break }
        if let detail = Self.permanentFault(error), (try? await fail(experiment, detail)) != nil { continue }
        // Nothing is lost: it is picked up again from its records.
        logger.error(
          "experiment interrupted; it will be picked up again",
          metadata: ["experiment": "\(experiment.id)", "error": "\(error)"])
        try? await Task.sleep(for: pause)
        pause = min(pause * 2, .seconds(60))
      }
    }
    if !Task.isCancelled, experiment.models != nil { await releaseModels(of: experiment.id) }
    driven.remove(experiment.id)
  }

  private func releaseModels(of experiment: String) async {
    do {
      try await configuration.releaseModels(experiment)
    } catch {
      logger.warning("the models of experiment \(experiment) stay in use until the next start: \(error)")
    }
  }

  /// Removes networks of groups that have ended in a way that left no time for it.
  private func removeLeftoverNetworks() async throws {
    guard podman.host.canRunContainers, podman.host.network == .bridge else { return }
    let needed = Set(try await database.unfinishedExperiments().map { GroupDriver.network(of: $0.id) })
    do {
      for network in try await podman.networks(label: networkLabel) where !needed.contains(network) {
        try await podman.remove(network: network, label: networkLabel)
      }
    } catch let error as ContainerError {
      logger.warning("networks of groups that have ended stay until the next start: \(error)")
    }
  }

  /// By which this instance's networks are known, as `key=value`.
  private var networkLabel: String { "io.cairn.instance=\(configuration.directory)" }

  /// What no later try mends; nil: one might.
  private static func permanentFault(_ error: any Error) -> String? {
    switch error {
    case let error as ControlError where error.code == .invalid: error.message
    case let error as SweepDriver.ReplayError: "\(error)"
    case let error as SweepDriver.VersionError: "\(error)"
    case let error as SuggesterError: "\(error)"
    case let error as TrackerError: "its runs can't be recorded under its name: \(error.message)"
    default: nil
    }
  }

  /// Stops what runs of an experiment that can't go on.
  private func fail(_ experiment: Experiment, _ detail: String) async throws {
    for job in try await unfinishedJobs(of: experiment.id) { _ = try await jobs.stop(job) }
    try await database.end(experiment.id, as: .failed, detail: detail)
  }

  private func driveOnce(_ experiment: Experiment) async throws {
    // Of clients that all find the tracker's experiment missing and make it, all but one fail.
    _ = try await tracker.project(experiment.project).provideExperiment(experiment.name)
    switch experiment.file.work {
    case .sweep(let sweep):
      let suggestion = sweep.suggester.map { suggester in
        PendingSuggestion(
          OptunaSuggester(
            experiment: experiment.id, suggester, sweep, podman: podman, directory: configuration.directory,
            maskedPaths: configuration.maskedPaths + [configuration.mount])
        ) { [ticks] in ticks.notify() }
      }
      let result = await drive(experiment, sweep, suggestion)
      await suggestion?.cancel()
      try result.get()
    case .group(let group):
      let driver = GroupDriver(
        experiment.id, group, database: database, control: control, jobs: jobs, podman: podman,
        directory: directory(of: experiment.id), label: networkLabel, logger: logger)
      for await _ in ticks.subscribe() {
        if try await driver.step() { break }
        try await Task.sleep(for: Self.pause)
      }
    }
    try Task.checkCancellation()
  }

  /// Returns when the sweep is over.
  private func drive(
    _ experiment: Experiment, _ sweep: Sweep, _ suggestion: PendingSuggestion?
  ) async -> Result<Void, any Error> {
    do {
      var driver = try await SweepDriver(
        experiment, sweep, database: database, control: control, jobs: jobs, tracker: tracker,
        preparation: TrialPreparation(directory: directory(of: experiment.id), copyTree: configuration.copyTree),
        suggestion: suggestion)
      for await _ in ticks.subscribe() {
        if try await driver.step() { break }
        try await Task.sleep(for: Self.pause)
      }
      return .success(())
    } catch {
      return .failure(error)
    }
  }

  nonisolated func directory(of experiment: String) -> ExperimentDirectory {
    ExperimentDirectory(control: configuration.directory, mount: configuration.mount, experiment: experiment)
  }

  private func unfinishedJobs(of experiment: String) async throws -> [String] {
    let known = Set(try await jobsOf(experiment))
    return try await control.unfinishedJobs().map(\.id).filter(known.contains)
  }

  func jobsOf(_ experiment: String) async throws -> [String] {
    try await database.trials(of: experiment).map(\.job) + database.replicas(of: experiment).map(\.job)
  }

  func isDriven(_ experiment: String) -> Bool { driven.contains(experiment) }
}
