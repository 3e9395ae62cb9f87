/// What deployments need of the rest of the control plane for their replicas: a part of the host, and secrets.
public protocol ReplicaResources: Sendable {
  /// Refuses what can never be had: more than the host has, and secrets that are not there.
  func check(_ specification: DeploymentSpecification, of deployment: String) async throws
  /// Waits for what a replica takes of the host; returns at once where it has it.
  /// - Parameter waiting: told why it waits, whenever that changes.
  /// - Returns: the names by which podman knows the replica's GPUs.
  func hold(
    _ specification: DeploymentSpecification, replica: String, of deployment: String,
    waiting: @Sendable (String) async throws -> Void
  ) async throws -> [String]
  /// Gives back what a replica holds. May be repeated.
  func release(replica: String, of deployment: String) async throws
  /// Gives back what is held by replicas that are not among these.
  func releaseAll(except replicas: [(deployment: String, id: String)]) async throws
  /// The values of the secrets that a replica is given.
  /// - Throws: `ControlError` `notFound`, and `invalid` for a value that can't be one of a variable.
  func secrets(of specification: DeploymentSpecification) async throws -> ReplicaSecrets
  /// What logs that were written since `time` must not show of these secrets, also of values that were replaced or
  /// removed since.
  /// - Throws: where nobody knows what to hide, and so nothing is to be shown.
  func traces(ofSecrets names: Set<String>, since time: Int64) async throws -> [[UInt8]]
}

/// The values of a replica's secrets.
public struct ReplicaSecrets: Sendable {
  /// By variable.
  public var environment: [String: String]
  public var files: [(path: String, value: [UInt8])]

  public init(environment: [String: String], files: [(path: String, value: [UInt8])]) {
    self.environment = environment
    self.files = files
  }

  var isEmpty: Bool { environment.isEmpty && files.isEmpty }
}
