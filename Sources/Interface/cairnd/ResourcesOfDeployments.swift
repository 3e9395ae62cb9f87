import Containers
import ControlDatabase
import Deployments
import Jobs
import Secrets

/// What replicas take of the host, held in the jobs' queue, and their secrets.
struct ResourcesOfDeployments: ReplicaResources {
  let jobs: JobService
  let secrets: SecretService

  private static let mark = "replica "

  private func claim(_ replica: String, _ deployment: String) -> String { "\(Self.mark)\(deployment)/\(replica)" }

  private func part(_ specification: DeploymentSpecification) -> HostPart {
    HostPart(gpus: specification.gpus ?? 0, cpus: specification.cpus, memoryBytes: specification.memoryBytes)
  }

  func check(_ specification: DeploymentSpecification, of deployment: String) async throws {
    try jobs.checkIsPossible(part(specification), subject: deployment)
    _ = try await secrets(of: specification)
  }

  func hold(
    _ specification: DeploymentSpecification, replica: String, of deployment: String,
    waiting: @Sendable (String) async throws -> Void
  ) async throws -> [String] {
    let part = part(specification)
    if part.isNothing { return [] }
    return try await jobs.hold(part, id: claim(replica, deployment), waiting: waiting)
  }

  func release(replica: String, of deployment: String) async throws {
    try await jobs.release(claim(replica, deployment))
  }

  func releaseAll(except replicas: [(deployment: String, id: String)]) async throws {
    let kept = Set(replicas.map { claim($0.id, $0.deployment) })
    for id in try await jobs.held() where id.hasPrefix(Self.mark) && !kept.contains(id) { try await jobs.release(id) }
  }

  func secrets(of specification: DeploymentSpecification) async throws -> ReplicaSecrets {
    var environment: [String: String] = [:]
    for (variable, name) in specification.secrets ?? [:] {
      guard let text = String(validating: try await value(of: name), as: UTF8.self),
        ContainerSpecification.fitsFile(text)
      else {
        throw ControlError(
          .invalid, subject: name,
          "secret \(name) has several lines or is no text, so it can't be a variable; give it as a file: --secret-file \(name)"
        )
      }
      environment[variable] = text
    }
    var files: [(path: String, value: [UInt8])] = []
    for (path, name) in (specification.secretFiles ?? [:]).sorted(by: { $0.key < $1.key }) {
      files.append((path, try await value(of: name)))
    }
    return ReplicaSecrets(environment: environment, files: files)
  }

  func traces(ofSecrets names: Set<String>, since time: Int64) async throws -> [[UInt8]] {
    var values: [[UInt8]] = []
    for name in names { values += try await secrets.values(of: name, for: "", since: time) }
    return SecretService.traces(of: values)
  }

  private func value(of name: String) async throws -> [UInt8] {
    do {
      // A deployment is of no project.
      return try await secrets.value(of: name, for: "")
    } catch let error as ControlError where error.code == .notFound {
      throw ControlError(
        .notFound, subject: name,
        "there is no secret \(name) that all projects may have; make it: cairn secret set \(name)")
    }
  }
}
