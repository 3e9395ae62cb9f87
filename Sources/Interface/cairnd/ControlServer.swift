import Configuration
import Containers
import ControlAPI
import ControlDatabase
import Daemon
import Deployments
@preconcurrency import Dispatch
import Experiments
import GPUs
import Glibc
import HTTPService
import Jobs
import Linux
import Logging
import MLflowAPI
import ModelRepository
import Notebooks
import Projects
import Secrets
import StorageAPI
import Tokens
import Tracker
import UnixHTTP
import Webhooks
import Wire

/// The process that runs jobs and serves the API, until a signal. Containers outlive it.
struct ControlServer {
  /// How long the storage daemon may take to come up: a large store has to be read.
  private static let storagePatience = Duration.seconds(300)

  let configuration: Configuration
  private let manager: ServiceManager
  let logger: Logger

  init(_ configuration: Configuration, _ manager: ServiceManager, _ logger: Logger) {
    self.configuration = configuration
    self.manager = manager
    self.logger = logger
  }

  func run() async throws {
    signal(SIGPIPE, SIG_IGN)
    let signals = Signals()
    try raiseOpenFileLimit()
    let directory = configuration.control.directory
    try makeDirectories(directory, mode: 0o700)
    // The database's lock is what keeps a second daemon away, so it comes first.
    let database = try ControlDatabase(
      path: directory + "/control.db", usageHalfLife: Double(configuration.control.fairShareHalfLifeSeconds))
    let storage = StorageClient(socket: configuration.storageSocket)
    try await waitForStorage(storage)
    let podman = try await Podman(directory: directory)
    for finding in podman.host.findings where finding.level != .good {
      logger.warning("\(finding.subject): \(finding.message)")
    }
    let box = SecretBox(keyPath: configuration.control.secretsKeyPath)
    let secrets = SecretService(database: database, box: box)
    let projects = ProjectService(database: database)
    let tokens = TokenService(database: database)
    let tracker = try Tracker(path: directory + "/tracker.db", logger: logger)
    defer {
      do {
        try tracker.close()
      } catch {
        // Nothing is lost: what was acknowledged is on the disk, and the process's end frees the file.
        logger.warning("the tracker's records were not closed: \(error)")
      }
    }
    let models = try await openModels(database, storage)
    let webhooks = try WebhookService(
      directory: directory, models: models,
      targets: configuration.control.webhooks == .private ? .private : .public, box: box, logger: logger)
    let packages = JobPackages(directory: directory, database: database, podman: podman, logger: logger)
    let mlflow = MLflowAPI(
      tracker: tracker, models: models, webhooks: webhooks, storage: storage, mount: configuration.storage.mount,
      addProject: projects.provide, runIsMade: { await packages.record(of: $0.job, attempt: $0.number) })
    let doorOfJobs = try await JobDoor(directory: directory, logger: logger).open(
      Door(
        rule: .tokensOfJobs(page: configuration.control.listen.map { "http://\($0)" }), tokens: tokens, mlflow: mlflow,
        serving: nil
      ).router, for: podman)
    let tensorBoard = TensorBoardRuns(
      database: database, tracker: tracker, packages: packages, mount: configuration.storage.mount, logger: logger)
    let jobs = JobService(
      configuration: jobConfiguration, database: database, podman: podman,
      gpus: try await .find(declared: configuration.control.gpus, logger),
      storage: StorageOfJobs(client: storage, mount: configuration.storage.mount),
      tracking: TrackingOfJobs(
        tokens: tokens, tracker: tracker, tensorBoard: tensorBoard, packages: packages,
        mount: configuration.storage.mount, address: doorOfJobs.url, logger: logger),
      secrets: secrets, logger: logger)
    let deployments = try DeploymentService(
      configuration: DeploymentConfiguration(
        directory: directory, proxyDirectory: configuration.proxyDirectory,
        listen: configuration.deployments.listen.map { "\($0)" }, mount: configuration.storage.mount,
        maskedPaths: maskedPaths),
      podman: podman,
      models: ModelsOfDeployments(models: models, storage: storage, mount: configuration.storage.mount),
      resources: ResourcesOfDeployments(jobs: jobs, secrets: secrets), logger: logger)
    let passes = try AccessPasses(keyPath: directory + "/access.key")
    let notebooks = NotebookService(
      directory: directory + "/servers", passes: passes, database: database, jobs: jobs,
      storage: StorageOfNotebooks(client: storage), logger: logger)
    let tensorBoards = TensorBoardService(
      directory: directory + "/servers", database: database, jobs: jobs,
      storage: StorageOfJobs(client: storage, mount: configuration.storage.mount), logger: logger)
    let experiments = try ExperimentService(
      configuration: ExperimentConfiguration(
        directory: directory, mount: configuration.storage.mount, maskedPaths: maskedPaths,
        copyTree: { from, to in try await offPool { try TreeCopy(from: from, ".", to: to).run() } },
        releaseModels: { try await models.release(.experiment, $0) }),
      control: database, jobs: jobs, tracker: tracker, podman: podman, logger: logger)
    await jobs.keepSnapshots(of: [
      tracker.workspaceSnapshots, models.workspaceSnapshots, experiments.workspaceSnapshots,
    ])
    await jobs.keepSecrets(of: [deployments.secretsAreLoggedSince])
    let metrics = SystemMetrics(database: database, jobs: jobs, tracker: tracker, logger: logger)
    let api = ControlAPI(
      configuration: configuration, version: cairnVersion, jobs: jobs, projects: projects, models: models,
      storage: storage, secrets: secrets, tokens: tokens, tracker: tracker, mlflow: mlflow, deployments: deployments,
      experiments: experiments, notebooks: notebooks, tensorBoards: tensorBoards, passes: passes)
    let services: [@Sendable () async throws -> Void] = [
      jobs.run, models.run, webhooks.run, deployments.run, experiments.run, metrics.run, tensorBoard.run, notebooks.run,
      tensorBoards.run,
    ]
    try await serve(api, services, doorOfJobs.service, until: signals)
  }

  /// Runs the services and answers until a signal comes or one of these ends by a fault.
  private func serve(
    _ api: ControlAPI, _ services: [@Sendable () async throws -> Void], _ doorOfJobs: HTTPService,
    until signals: Signals
  ) async throws {
    var servers = [
      HTTPService(
        address: .unix(path: configuration.controlSocket, group: "cairn"), router: api.router, logger: logger)
    ]
    if let listen = configuration.control.listen {
      servers.append(
        HTTPService(address: .tcp(host: listen.host, port: listen.port), router: api.door, logger: logger))
    }
    for server in servers { try await server.start() }
    servers.append(doorOfJobs)
    try? manager.ready()
    logger.info("Serving \(configuration.controlSocket)")
    let result = await withTaskGroup(of: Result<Void, any Error>.self) { group in
      for service in services { group.addTask { await Result { try await service() } } }
      group.addTask {
        await signals.first()
        return .success(())
      }
      let first = await group.next() ?? .success(())
      try? manager.stopping()
      logger.info("Stopping; containers go on")
      // Requests that wait, such as followed logs, are not waited for: clients come again.
      for server in servers { await server.stop(graceSeconds: 1) }
      group.cancelAll()
      return first
    }
    try result.get()
  }

  private var jobConfiguration: JobConfiguration {
    var jobs = JobConfiguration(directory: configuration.control.directory, maskedPaths: maskedPaths)
    jobs.logLimit = Int64(configuration.control.jobLogLimit)
    jobs.checkpointGraceSeconds = configuration.control.checkpointGraceSeconds
    return jobs
  }

  /// Cairn's own state, keys and sockets, which no job on the host's root file system must see.
  private var maskedPaths: [String] {
    let paths = [
      configuration.runDirectory, configuration.control.directory, configuration.storage.directory, "/etc/cairn",
      configuration.control.secretsKeyPath,
    ]
    // What lies in one of the others is masked with it.
    return paths.filter { path in !paths.contains { $0 != path && path.hasPrefix($0 + "/") } }
  }

  private func waitForStorage(_ storage: StorageClient) async throws {
    let deadline = ContinuousClock.now + Self.storagePatience
    var hasComplained = false
    while true {
      do {
        let information = try await storage.information()
        guard information.mount == configuration.storage.mount else {
          throw StartError(
            "cairnfsd is mounted at \(information.mount), but this configuration says "
              + "\(configuration.storage.mount): give both daemons the same file.")
        }
        return
      } catch let error as HTTPClientError where ContinuousClock.now < deadline {
        if !hasComplained { logger.warning("Waiting for cairnfsd: \(error)") }
        hasComplained = true
        try await Task.sleep(for: .milliseconds(100))
      } catch let error as HTTPClientError {
        throw StartError("cairnfsd was waited for in vain. \(error). Look at `systemctl status cairnfsd`.")
      }
    }
  }
}

/// Why the daemon can't start: a sentence for the administrator.
struct StartError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// SIGTERM and SIGINT, from the moment on that this is made.
private struct Signals {
  private let stream: AsyncStream<Void>

  init() {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    let sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { continuation.yield() }
      source.resume()
      return source
    }
    continuation.onTermination = { _ in for source in sources { source.cancel() } }
    self.stream = stream
  }

  func first() async { for await _ in stream { return } }
}

extension Result where Failure == any Error {
  fileprivate init(_ body: () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}

extension GPUInventory {
  /// Those that the configuration declares, or those of this host. A broken one must not keep all else from running.
  fileprivate static func find(declared: [DeclaredGPU]?, _ logger: Logger) async throws -> GPUInventory {
    guard let declared else {
      do {
        return try await find()
      } catch let error as GPUInventoryError {
        logger.error("jobs get no GPUs until cairnd is started again: \(error)")
        return []
      }
    }
    return GPUInventory(
      gpus: declared.enumerated().map { index, gpu in
        var found = GPU(uuid: gpu.uuid, index: index, name: gpu.name, memoryBytes: gpu.memoryBytes)
        found.declaredNodes = gpu.nodes
        return found
      })
  }
}
