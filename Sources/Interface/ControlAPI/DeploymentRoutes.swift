import API
import DeploymentStates
import Deployments
import HTTPService
import Wire

extension ControlAPI {
  func addDeploymentRoutes(to routes: inout Routes) {
    routes.add("POST", "/v1/deployments") { request in
      let new: NewDeployment = try await request.json()
      let (report, credentials) = try await deployments.create(DeploymentRequest(new))
      return try .json(
        DeploymentAnswer(
          deployment: API.Deployment(report), credentials: credentials.map { DeploymentCredentials($0) }), status: 201)
    }
    routes.add("GET", "/v1/deployments") { _ in
      let found = try await deployments.list()
      return try .json(DeploymentList(deployments: found.map { API.Deployment($0) }))
    }
    routes.add("GET", "/v1/deployments/{name}") { request in
      let name = request.parameter("name")
      return try .json(
        DeploymentDetails(try await deployments.report(name), events: try await deployments.events(of: name)))
    }
    routes.add("DELETE", "/v1/deployments/{name}") { request in
      try await deployments.remove(request.parameter("name"))
      return .empty
    }
    routes.add("POST", "/v1/deployments/{name}/update") { request in
      let update: DeploymentUpdate = try await request.json()
      return try .json(try await self.update(request.parameter("name"), update))
    }
    routes.add("POST", "/v1/deployments/{name}/scale") { request in
      let change: ScalingChange = try await request.json()
      let report = try await deployments.scale(request.parameter("name")) { change.apply(to: &$0) }
      return try .json(API.Deployment(report))
    }
    routes.add("POST", "/v1/deployments/{name}/rollback") { request in
      let wanted: RollbackRequest = try await request.json()
      let report = try await deployments.rollBack(request.parameter("name"), to: wanted.revision)
      return try .json(API.Deployment(report))
    }
    routes.add("GET", "/v1/deployments/{name}/logs") { request in
      let lines = try await deployments.logs(
        of: request.parameter("name"), replica: request.query("replica"), follow: request.flag("follow"),
        tail: request.integer("tail", in: 0...1_000_000_000))
      return .lines(lines) { API.ReplicaLogLine(container: $0.container, line: API.LogLine($0.line)) }
    }
    routes.add("GET", "/v1/deployments/{name}/requests") { request in
      let limit = try request.integer("limit", in: 1...10_000) ?? 100
      let entries = try await deployments.requests(of: request.parameter("name"), limit: limit)
      return try .json(DeploymentRequestList(requests: entries.map { DeploymentRequestEntry($0) }))
    }
    routes.add("POST", "/v1/system/suspend-deployments") { _ in
      try await deployments.suspend()
      return .empty
    }
  }

  private func update(_ name: String, _ update: DeploymentUpdate) async throws -> DeploymentAnswer {
    let change = try SpecificationChange(update.change)
    let kind = try update.authentication.map { try authenticationKind($0) }
    // New credentials alone are no reason for a new revision, nor for a canary's promotion.
    var report: DeploymentReport
    if kind == nil || update.change != DeploymentChange() || update.canaryPercent != nil {
      report = try await deployments.update(
        name, canaryPercent: update.canaryPercent, deadlineSeconds: update.deadlineSeconds
      ) { change.apply(to: &$0) }
    } else {
      report = try await deployments.report(name)
    }
    var credentials: Credentials?
    if let kind {
      credentials = try await deployments.authenticate(name, by: kind)
      report = try await deployments.report(name)
    }
    return DeploymentAnswer(
      deployment: API.Deployment(report), credentials: credentials.map { DeploymentCredentials($0) })
  }
}

/// A ``DeploymentChange`` whose words have been understood.
private struct SpecificationChange: Sendable {
  let change: DeploymentChange
  let runtime: ServingProgram.Runtime?
  let interface: DeploymentSpecification.Interface?
  let readiness: Probes.Check?
  let liveness: Probes.Check?

  init(_ change: DeploymentChange) throws {
    self.change = change
    runtime = try change.runtime.map { try choice($0, "runtime") }
    interface = try change.interface.map { try choice($0, "interface") }
    readiness = change.readiness.map { $0 == "tcp" ? .tcp : .http(path: $0) }
    liveness = change.liveness.map { $0 == "tcp" ? .tcp : .http(path: $0) }
  }

  func apply(to specification: inout DeploymentSpecification) {
    if let model = change.model { specification.model = model }
    if let image = change.image { specification.image = image }
    if let runtime {
      specification.command = ServingProgram.command(runtime)
      specification.interface = ServingProgram.interface(runtime)
      specification.probes = Probes(for: specification.interface)
    }
    if let command = change.command { specification.command = command }
    if let environment = change.environment { specification.environment.merge(environment) { $1 } }
    if let port = change.port { specification.port = port }
    if let interface {
      specification.interface = interface
      specification.probes = Probes(for: interface)
    }
    if let readiness {
      specification.probes.readiness = readiness
      // What is not asked for separately is the same question.
      specification.probes.liveness = liveness ?? readiness
    }
    if let liveness { specification.probes.liveness = liveness }
    if let seconds = change.startupSeconds { specification.probes.startupSeconds = seconds }
    if let concurrency = change.concurrency { specification.concurrency = concurrency }
    if let cpus = change.cpus { specification.cpus = cpus }
    if let memory = change.memoryBytes { specification.memoryBytes = memory }
    if let gpus = change.gpus { specification.gpus = gpus == 0 ? nil : gpus }
    if let secrets = change.secrets, !secrets.isEmpty {
      specification.secrets = (specification.secrets ?? [:]).merging(secrets) { $1 }
    }
    if let files = change.secretFiles, !files.isEmpty {
      specification.secretFiles = (specification.secretFiles ?? [:]).merging(files) { $1 }
    }
    if let seconds = change.drainSeconds { specification.drainSeconds = seconds }
  }
}

/// One of the words that can stand at a place.
private func choice<Choice: RawRepresentable<String> & CaseIterable>(_ word: String, _ name: String) throws -> Choice {
  guard let value = Choice(rawValue: word) else {
    let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    throw APIError.invalid("There is no \(name) `\(word)`; there are \(known).", subject: name)
  }
  return value
}

private func authenticationKind(_ word: String) throws -> AuthenticationKind { try choice(word, "authentication") }

extension DeploymentRequest {
  fileprivate init(_ new: NewDeployment) throws {
    var specification = DeploymentSpecification()
    try SpecificationChange(new.specification).apply(to: &specification)
    var scaling = Scaling.fixed(1)
    new.scaling?.apply(to: &scaling)
    self.init(
      name: new.name, specification: specification, scaling: scaling,
      rollout: Rollout(deadlineSeconds: new.deadlineSeconds ?? Rollout().deadlineSeconds),
      authentication: try new.authentication.map { try authenticationKind($0) } ?? .none)
  }
}

extension ScalingChange {
  fileprivate func apply(to scaling: inout Scaling) {
    if let minimum { scaling.minimum = minimum }
    // A maximum below the new minimum, which nobody asked for, goes with it.
    scaling.maximum = maximum ?? max(scaling.maximum, scaling.minimum)
    if let targetInFlight { scaling.targetInFlight = targetInFlight }
    if let idleSeconds { scaling.idleSeconds = idleSeconds }
    if let holdLimit { scaling.holdLimit = holdLimit }
    if let holdSeconds { scaling.holdSeconds = holdSeconds }
  }
}
