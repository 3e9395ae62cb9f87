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
  /// The values of secrets.
  /// - Parameter secrets: names by variables.
  func values(of secrets: [String: String]) async throws -> [String: String]
}
