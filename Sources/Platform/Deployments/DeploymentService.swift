import Containers
import ControlDatabase
import DeploymentStates
import FoundationEssentials
import Linux
import Logging

/// Where the service keeps its files, and where it serves.
public struct DeploymentConfiguration: Sendable {
  /// The control plane's directory: `deployments.db`, `deployments/`.
  public var directory: String
  /// Holds the proxy's sockets and configuration.
  public var proxyDirectory: String
  /// Where the proxy listens for TCP, such as `127.0.0.1:7071`; nil: nowhere.
  public var listen: String?
  /// The host's path of Cairn's mount.
  public var mount: String
  /// Directories that are empty in a replica on the host's root file system: state, keys, sockets.
  public var maskedPaths: [String]

  public init(
    directory: String, proxyDirectory: String, listen: String?, mount: String, maskedPaths: [String]
  ) {
    self.directory = directory
    self.proxyDirectory = proxyDirectory
    self.listen = listen
    self.mount = mount
    self.maskedPaths = maskedPaths
  }

  var files: ReplicaFiles { ReplicaFiles(directory: directory + "/deployments") }
}

/// Deployments from creation to removal.
public actor DeploymentService {
  let configuration: DeploymentConfiguration
  let database: DeploymentDatabase
  let models: any ModelDirectories
  let resources: any ReplicaResources
  let podman: Podman
  let accessLog: AccessLog
  let plane: DataPlane
  private let runner: ReplicaRunner
  private let logger: Logger
  /// Replicas that a task of this process looks after.
  private var running: Set<String> = []
  private var autoscalers: [String: Autoscaler] = [:]
  /// Requests that each deployment had had when they were last counted.
  private var requestCounts: [String: Int] = [:]
  private var isSuspended = false
  /// The last replica has gone after ``suspend()``, and the proxy with it.
  private var isStopped = false
  /// What keeps the proxy from serving; nil: nothing.
  private(set) var proxyFault: String?

  /// - Throws: `RecordFileError` where another daemon has the records open.
  public init(
    configuration: DeploymentConfiguration, podman: Podman, models: any ModelDirectories,
    resources: any ReplicaResources, logger: Logger
  ) throws {
    self.configuration = configuration
    self.podman = podman
    self.models = models
    self.resources = resources
    self.logger = logger
    for path in [configuration.files.directory, configuration.proxyDirectory] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    database = try DeploymentDatabase(path: configuration.directory + "/deployments.db")
    let logPath = configuration.files.requests
    plane = DataPlane(directory: configuration.proxyDirectory, logPath: logPath, logger: logger)
    accessLog = AccessLog(path: logPath, files: configuration.files, logger: logger)
    runner = ReplicaRunner(
      configuration: configuration, database: database, podman: podman, plane: plane, resources: resources,
      logger: logger)
  }

  // MARK: Running

  /// Picks up what an earlier daemon left, then keeps deployments as they are wanted until it is cancelled. Replicas and
  /// the proxy outlive it.
  public func run() async throws {
    if podman.host.canRunContainers { try await removeLeftovers() }
    try await withThrowingDiscardingTaskGroup { group in
      defer { group.cancelAll() }
      group.addTask { try await self.accessLog.run() }
      group.addTask { try await self.observe() }
      for await _ in database.watchChanges() {
        try await takeSteps()
        for replica in try await database.replicas() where running.insert(replica.id).inserted {
          group.addTask { await self.run(replica.id) }
        }
        // Last, since a reload takes a tenth of a second, in which replicas can start.
        await applyToProxy()
      }
    }
  }

  /// Stops all replicas and the proxy, for a host that is given up, such as a laptop's. What is wanted stays so: the
  /// next ``run()`` starts it again. ``run()`` must be going on.
  public func suspend() async throws {
    isSuspended = true
    database.announceChange()
    while try await !database.replicas().isEmpty || !running.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
    isStopped = true
    try await plane.stop()
  }

  private func run(_ replica: String) async {
    var pause = Duration.seconds(1)
    while !Task.isCancelled {
      do {
        try await runner.run(replica)
        break
      } catch {
        if Task.isCancelled { break }
        // Nothing is lost: the replica is picked up again from what there is.
        logger.error(
          "replica interrupted; it will be picked up again", metadata: ["replica": "\(replica)", "error": "\(error)"])
        try? await Task.sleep(for: pause)
        pause = min(pause * 2, .seconds(60))
      }
    }
    running.remove(replica)
    database.announceChange()
  }

  /// Removes containers and overlays that no record knows.
  private func removeLeftovers() async throws {
    let files = configuration.files
    let replicas = try await database.replicas()
    try await resources.releaseAll(except: replicas.map { ($0.deployment, $0.id) })
    let known = Set(replicas.map(\.container))
    let containers = try await podman.containers(label: deploymentsLabel, value: files.directory)
    let others = [files.overlays, files.secrets].flatMap {
      // Made with the first that is needed.
      (try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? []
    }
    for container in Set(containers + others).subtracting(known) { try await runner.clean(after: container) }
  }

  // MARK: Deciding

  /// Takes the steps that can be taken now.
  private func takeSteps() async throws {
    let now = nanosecondsNow()
    for deployment in try await database.deployments() {
      let replicas = try await database.replicas(of: deployment.name)
      try await step(deployment, replicas.map(\.view), now: now)
      if deployment.isRemoving && replicas.isEmpty { try await forget(deployment.name) }
    }
  }

  private func step(_ deployment: Deployment, _ replicas: [ReplicaView], now: Int64) async throws {
    let goal = isSuspended ? deployment.goal.withoutReplicas : deployment.goal
    if isOverdue(
      goal, replicas: replicas, progressedAt: deployment.progressedAt,
      deadlineSeconds: deployment.rollout.deadlineSeconds, now: now)
    {
      return try await takeBack(deployment)
    }
    for step in rolloutSteps(goal, replicas: replicas) {
      switch step {
      case .start(let revision): _ = try await database.addReplica(of: deployment.name, revision: revision)
      case .drain(let replica): try await database.drain(replica: replica)
      case .complete:
        guard !isSuspended, !deployment.isRemoving else { continue }
        try await database.change(deployment.name) { deployment, database in
          guard deployment.target == goal.target else { return }
          deployment.stable = goal.target
          deployment.rollout.canaryPercent = nil
          try database.append(event: "rolled_out", of: deployment.name, "revision \(goal.target)")
        }
      }
    }
  }

  /// The new revision does not become ready: the one before comes back.
  private func takeBack(_ deployment: Deployment) async throws {
    let reason =
      "revision \(deployment.target) was not ready within \(deployment.rollout.deadlineSeconds) s;"
      + " revision \(deployment.stable ?? 0) serves again"
    try await database.change(deployment.name) { current, database in
      guard current.target == deployment.target, let stable = current.stable else { return }
      current.target = stable
      current.rollout.canaryPercent = nil
      current.rolledBack = reason
      current.progressedAt = nanosecondsNow()
      try database.append(event: "rolled_back", of: current.name, reason)
    }
    logger.warning("deployment \(deployment.name): \(reason)")
  }

  private func forget(_ name: String) async throws {
    try configuration.files.remove(name)
    // The record last: whatever fails before is tried again.
    try await models.giveBack(name)
    try await database.removeDeployment(name)
    await accessLog.forget(name)
    autoscalers[name] = nil
    requestCounts[name] = nil
  }

  /// What the proxy can't do now it is told again with the next look.
  private func applyToProxy() async {
    do {
      let wanted = try await proxyConfiguration()
      if isStopped { return }
      if wanted.deployments.isEmpty { try await plane.stop() } else { try await plane.apply(wanted) }
      proxyFault = nil
    } catch is CancellationError {
      return
    } catch {
      if proxyFault == nil { logger.error("deployments are not served as they should be: \(error)") }
      proxyFault = "\(error)"
    }
  }

  private func proxyConfiguration() async throws -> ProxyConfiguration {
    var deployments: [ProxyDeployment] = []
    for deployment in try await database.deployments() {
      let replicas = try await database.replicas(of: deployment.name)
      let weights = trafficWeights(
        replicas.map(\.view), target: deployment.target, canaryPercent: deployment.rollout.canaryPercent)
      var servers: [ProxyServer] = []
      for replica in replicas where replica.state == .ready || replica.state == .unready || replica.state == .draining {
        guard let address = replica.address else { continue }
        let revision = try await database.revision(replica.revision, of: deployment.name)
        servers.append(
          ProxyServer(
            name: replica.container, address: address, weight: weights[replica.id] ?? 0,
            concurrency: revision.specification.concurrency, isHTTP2: revision.specification.interface == .grpc))
      }
      let target = try await database.revision(deployment.target, of: deployment.name)
      deployments.append(
        ProxyDeployment(
          name: deployment.name, interface: target.specification.interface, lock: deployment.lock,
          // Where no replica may come there is nothing to wait for.
          holdLimit: deployment.scaling.maximum == 0 ? 0 : deployment.scaling.holdLimit,
          holdSeconds: deployment.scaling.holdSeconds,
          mayBeZero: deployment.scaling.minimum == 0 && deployment.scaling.maximum > 0, servers: servers))
    }
    return ProxyConfiguration(
      directory: configuration.proxyDirectory, listen: configuration.listen, user: ProxyProcess.workerUser(),
      deployments: deployments)
  }

  // MARK: Observing

  /// Looks at the traffic once a second, and ten times a second at requests that wait for a first replica.
  private func observe() async throws {
    while true {
      for _ in 0..<10 {
        try await Task.sleep(for: .milliseconds(100))
        if try await database.deployments().contains(where: { $0.replicas == 0 && $0.scaling.maximum > 0 }) {
          try await wakeHeld()
        }
      }
      try await scale()
      // Deadlines pass without any change of a record.
      database.announceChange()
    }
  }

  private func wakeHeld() async throws {
    guard let held = try? await plane.held() else { return }
    for deployment in try await database.deployments() where deployment.replicas == 0 {
      guard !deployment.isRemoving, deployment.scaling.maximum > 0, held["deployment-\(deployment.name)"] ?? 0 > 0
      else { continue }
      try await database.setReplicas(max(1, deployment.scaling.minimum), of: deployment.name, reason: "a request waits")
    }
  }

  private func scale() async throws {
    guard let traffic = try? await plane.traffic() else { return }
    let now = Double(nanosecondsNow()) / 1e9
    for deployment in try await database.deployments()
    where deployment.scaling.minimum < deployment.scaling.maximum && !deployment.isRemoving {
      let backend = "deployment-\(deployment.name)"
      let totals = traffic.servers.filter { $0.backend == backend && $0.server == "BACKEND" }
      let count = totals.reduce(0) { $0 + $1.total }
      // Requests that came and went between two looks are traffic too.
      let hadRequests = count != requestCounts[deployment.name] && count > 0
      requestCounts[deployment.name] = count
      let inFlight = totals.reduce(traffic.held[backend] ?? 0) { $0 + $1.current }
      var autoscaler = autoscalers[deployment.name] ?? Autoscaler(deployment.scaling, now: now)
      autoscaler.scaling = deployment.scaling
      autoscaler.observe(inFlight: max(inFlight, hadRequests ? 1 : 0), now: now)
      autoscalers[deployment.name] = autoscaler
      let wanted = autoscaler.replicas(current: deployment.replicas, now: now)
      guard wanted != deployment.replicas else { continue }
      try await database.setReplicas(wanted, of: deployment.name, reason: "\(inFlight) requests in flight")
    }
  }
}
