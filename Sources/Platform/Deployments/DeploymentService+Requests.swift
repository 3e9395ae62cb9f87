import Containers
import ControlDatabase
import DeploymentStates
import FoundationEssentials
import Linux

/// What somebody asks to be served.
public struct DeploymentRequest: Sendable {
  public var name: String
  public var specification: DeploymentSpecification
  public var scaling: Scaling
  public var rollout: Rollout
  public var authentication: AuthenticationKind

  public init(
    name: String, specification: DeploymentSpecification, scaling: Scaling, rollout: Rollout = Rollout(),
    authentication: AuthenticationKind = .none
  ) {
    self.name = name
    self.specification = specification
    self.scaling = scaling
    self.rollout = rollout
    self.authentication = authentication
  }
}

/// All about a deployment, in one moment.
public struct DeploymentReport: Sendable {
  public let deployment: Deployment
  public let state: DeploymentState
  /// A sentence for people, where there is more to say than the state.
  public let detail: String?
  /// Its address; nil: the proxy listens on no TCP address.
  public let url: String?
  /// The newest first.
  public let revisions: [Revision]
  public let replicas: [Replica]
  public let traffic: TrafficStatistics

  /// The revision that is to serve.
  public var target: Revision? { revisions.first { $0.number == deployment.target } }
}

extension DeploymentService {
  /// Makes a deployment; its replicas are started soon after.
  /// - Returns: credentials, which nobody can ask for again; nil where it needs none.
  /// - Throws: `ControlError` `invalid`, `conflict` where the name is taken, `notFound` where there is no such model.
  public func create(_ request: DeploymentRequest) async throws -> (DeploymentReport, Credentials?) {
    let name = request.name
    try check(deploymentName: name)
    try check(request.specification, name: name)
    try check(request.scaling, name: name)
    try check(request.rollout, name: name)
    try checkServing(request.specification, name: name)
    try await resources.check(request.specification, of: name)
    let model = try await take(request.specification.model, for: name)
    let credentials = Credentials.make(request.authentication)
    _ = try await database.addDeployment(
      name, request.specification, model: model, scaling: request.scaling, rollout: request.rollout,
      lock: credentials?.lock)
    try FileManager.default.createDirectory(
      atPath: configuration.files.logs(of: name), withIntermediateDirectories: true)
    return (try await report(name), credentials)
  }

  /// Makes a new revision from the target's with `change`, and rolls it out. Without a change, a canary is promoted.
  /// - Parameter deadlineSeconds: nil: as before.
  public func update(
    _ name: String, canaryPercent: Int?, deadlineSeconds: Int?,
    _ change: @Sendable (inout DeploymentSpecification) -> Void
  ) async throws -> DeploymentReport {
    let deployment = try await database.deployment(name)
    var specification = try await database.revision(deployment.target, of: name).specification
    change(&specification)
    let rollout = Rollout(
      canaryPercent: canaryPercent, deadlineSeconds: deadlineSeconds ?? deployment.rollout.deadlineSeconds)
    try check(specification, name: name)
    try check(rollout, name: name)
    try checkServing(specification, name: name)
    try await resources.check(specification, of: name)
    _ = try await database.update(
      name, specification, model: try await take(specification.model, for: name), rollout: rollout)
    return try await report(name)
  }

  /// Goes back to an earlier revision.
  /// - Parameter revision: nil: the one that served before; during a rollout, the one that serves still.
  public func rollBack(_ name: String, to revision: Int?) async throws -> DeploymentReport {
    let deployment = try await database.deployment(name)
    var number = revision
    if number == nil {
      number =
        deployment.stable != deployment.target
        ? deployment.stable
        : try await database.revisions(of: name).map(\.number).first { $0 < deployment.target }
    }
    guard let number else {
      throw ControlError(
        .conflict, subject: name, "deployment \(name) has no earlier revision than \(deployment.target)")
    }
    _ = try await database.rollBack(name, to: number)
    return try await report(name)
  }

  public func scale(_ name: String, _ change: @Sendable (inout Scaling) -> Void) async throws -> DeploymentReport {
    var scaling = try await database.deployment(name).scaling
    change(&scaling)
    try check(scaling, name: name)
    let wanted = scaling
    try await database.change(name) { deployment, database in
      deployment.scaling = wanted
      deployment.replicas = min(max(deployment.replicas, wanted.minimum), wanted.maximum)
      deployment.progressedAt = nanosecondsNow()
      try database.append(event: "scaling", of: name, "\(wanted.minimum) to \(wanted.maximum) replicas")
    }
    return try await report(name)
  }

  /// Asks for other credentials. Those before are worth nothing any more when the deployment is available again.
  public func authenticate(_ name: String, by kind: AuthenticationKind) async throws -> Credentials? {
    let credentials = Credentials.make(kind)
    let lock = credentials?.lock
    try await database.change(name) { deployment, database in
      deployment.lock = lock
      try database.append(event: "credentials", of: name, kind.rawValue)
    }
    return credentials
  }

  /// Removes a deployment: requests that its replicas have are done first. Returns when it is gone.
  public func remove(_ name: String) async throws {
    try await database.change(name) { deployment, database in
      if !deployment.isRemoving { try database.append(event: "removing", of: name) }
      deployment.isRemoving = true
    }
    for await _ in database.watchChanges() {
      guard try await database.deployments().contains(where: { $0.name == name }) else { return }
    }
    throw CancellationError()
  }

  /// By name.
  public func list() async throws -> [DeploymentReport] {
    var reports: [DeploymentReport] = []
    for deployment in try await database.deployments() { reports.append(try await report(deployment)) }
    return reports
  }

  /// - Throws: `ControlError` `notFound`
  public func report(_ name: String) async throws -> DeploymentReport {
    try await report(database.deployment(name))
  }

  private func report(_ deployment: Deployment) async throws -> DeploymentReport {
    let replicas = try await database.replicas(of: deployment.name)
    let state = await state(of: deployment, replicas)
    let url = configuration.listen.map { "http://\($0)/serve/\(deployment.name)/" }
    return DeploymentReport(
      deployment: deployment, state: state,
      detail: proxyFault ?? deployment.rolledBack ?? replicas.first(where: \.view.isCrashing)?.detail
        ?? replicas.first { $0.state == .pending }?.detail, url: url,
      revisions: try await database.revisions(of: deployment.name), replicas: replicas,
      traffic: try await accessLog.statistics(of: deployment.name))
  }

  private func state(of deployment: Deployment, _ replicas: [Replica]) async -> DeploymentState {
    if deployment.isRemoving { return .removing }
    let goal = deployment.goal
    let state = deploymentState(
      replicas: replicas.map(\.view), wanted: goal.replicas, target: goal.target,
      isRollingOut: goal.stable != goal.target, wasRolledBack: deployment.rolledBack != nil)
    // Only what the proxy knows of is there for those who ask.
    let ready = replicas.filter { $0.state == .ready }.map(\.container)
    let isServed = await plane.serves(deployment.name, behind: deployment.lock, by: ready)
    return isServed || ![.available, .rolledBack, .scaledToZero].contains(state) ? state : .progressing
  }

  /// What the replicas wrote.
  /// - Parameters:
  ///   - replica: only this one.
  ///   - tail: begin this many lines before the end; nil: at the beginning of what is kept.
  public func logs(
    of name: String, replica: String? = nil, follow: Bool = false, tail: Int? = nil
  ) async throws -> DeploymentLog {
    let since = try await database.deployment(name).createdAt
    return DeploymentLog(
      directory: configuration.files.logs(of: name), replica: replica, follow: follow, tail: tail,
      mask: { [self] in try await mask(of: name, since: since) })
  }

  /// Hides what any revision's secrets are, and were since the deployment was made.
  private func mask(of name: String, since: Int64) async throws -> LogMask {
    let names = try await database.revisions(of: name).reduce(into: Set()) {
      $0.formUnion($1.specification.secretNames)
    }
    if names.isEmpty { return LogMask([]) }
    do {
      return LogMask(try await resources.traces(ofSecrets: names, since: since))
    } catch let error where !(error is CancellationError) {
      throw ControlError(
        .unavailable, subject: name,
        "the log of deployment \(name) is withheld: it may show secrets, and these can't be read, so they can't be hidden: "
          + "\(error)")
    }
  }

  /// When the oldest deployment was made that gives its replicas secrets; nil: none does.
  public func secretsAreLoggedSince() async throws -> Int64? {
    for deployment in try await database.deployments().sorted(by: { $0.createdAt < $1.createdAt }) {
      let revisions = try await database.revisions(of: deployment.name)
      if revisions.contains(where: { !$0.specification.secretNames.isEmpty }) { return deployment.createdAt }
    }
    return nil
  }

  /// The last requests, oldest first.
  public func requests(of name: String, limit: Int) async throws -> [AccessLogEntry] {
    _ = try await database.deployment(name)
    return try await accessLog.entries(of: name, limit: limit)
  }

  /// The last events, oldest first.
  public func events(of name: String, limit: Int = 100) async throws -> [DeploymentEvent] {
    try await database.events(of: name, limit: limit)
  }

  private func take(_ model: String?, for name: String) async throws -> ModelDirectory? {
    guard let model else { return nil }
    return try await models.take(model, for: name)
  }

  private func checkServing(_ specification: DeploymentSpecification, name: String) throws {
    guard podman.host.canRunContainers else {
      let causes = podman.host.findings.filter { $0.level == .failure }.map(\.message)
      throw ControlError(
        .unavailable, subject: name,
        "this host can run no containers: \(causes.joined(separator: "; ")); see cairn system doctor")
    }
    if specification.command.contains(where: ServingProgram.isPart) && ServingProgram.directory() == nil {
      throw ControlError(
        .unavailable, subject: name,
        "serve.py, which this runtime needs, is not installed; `make install` puts it into share/cairn/serving")
    }
  }
}
