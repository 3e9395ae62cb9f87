import API
import DeploymentStates
import Deployments
import Linux

// From the platform's types to those of the wire.

extension API.Deployment {
  init(_ report: DeploymentReport) {
    let deployment = report.deployment
    let target = report.target
    self.init(
      name: deployment.name, state: report.state, detail: report.detail, url: report.url,
      model: target?.model.map { "\($0.name):\($0.version)" }, image: target?.specification.image ?? "",
      revision: deployment.target, stableRevision: deployment.stable,
      canaryPercent: deployment.rollout.canaryPercent, replicas: deployment.replicas,
      readyReplicas: report.replicas.count { $0.state == .ready }, scaling: DeploymentScaling(deployment.scaling),
      authentication: deployment.authentication.rawValue, traffic: DeploymentTraffic(report.traffic),
      createdNanoseconds: deployment.createdAt)
  }
}

extension DeploymentScaling {
  init(_ scaling: Scaling) {
    self.init(
      minimum: scaling.minimum, maximum: scaling.maximum, targetInFlight: scaling.targetInFlight,
      idleSeconds: scaling.idleSeconds, holdLimit: scaling.holdLimit, holdSeconds: scaling.holdSeconds)
  }
}

extension DeploymentTraffic {
  init(_ statistics: TrafficStatistics) {
    let bounds = TrafficStatistics.bounds.map { Optional($0) } + [nil]
    self.init(
      requests: statistics.requests, rate: statistics.rate(now: nanosecondsNow()), bytes: statistics.bytes,
      statuses: Dictionary(uniqueKeysWithValues: statistics.statuses.map { ("\($0.key)xx", $0.value) }),
      latency: zip(bounds, statistics.counts).map { LatencyClass(milliseconds: $0, requests: $1) },
      p50Milliseconds: statistics.quantile(0.5), p99Milliseconds: statistics.quantile(0.99))
  }
}

extension DeploymentDetails {
  init(_ report: DeploymentReport, events: [DeploymentEvent]) {
    self.init(
      deployment: API.Deployment(report), revisions: report.revisions.map { DeploymentRevision($0) },
      replicas: report.replicas.map { DeploymentReplica($0) },
      events: events.map {
        DeploymentEventEntry(sequence: $0.sequence, timeNanoseconds: $0.time, kind: $0.kind, detail: $0.detail)
      })
  }
}

extension DeploymentRevision {
  fileprivate init(_ revision: Revision) {
    let specification = revision.specification
    self.init(
      number: revision.number, digest: revision.digest, model: revision.model.map { "\($0.name):\($0.version)" },
      modelSnapshot: revision.model?.snapshot, image: specification.image, command: specification.command,
      environment: specification.environment, port: specification.port, interface: specification.interface.rawValue,
      cpus: specification.cpus, memoryBytes: specification.memoryBytes, gpus: specification.gpus,
      secrets: specification.secrets ?? [:], secretFiles: specification.secretFiles ?? [:],
      createdNanoseconds: revision.createdAt)
  }
}

extension DeploymentReplica {
  fileprivate init(_ replica: Replica) {
    self.init(
      id: replica.id, revision: replica.revision, state: replica.state, detail: replica.detail,
      container: replica.container, attempt: replica.attempt, address: replica.address,
      createdNanoseconds: replica.createdAt, startedNanoseconds: replica.startedAt, readyNanoseconds: replica.readyAt)
  }
}

extension DeploymentCredentials {
  init(_ credentials: Credentials) {
    self.init(kind: credentials.kind.rawValue, user: credentials.user, secret: credentials.secret)
  }
}

extension DeploymentRequestEntry {
  init(_ entry: AccessLogEntry) {
    self.init(
      timeNanoseconds: entry.time, container: entry.server, status: entry.status, milliseconds: entry.milliseconds,
      bytes: entry.bytes, client: entry.client, method: entry.method, path: entry.path)
  }
}
