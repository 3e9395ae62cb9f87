/// What jobs ask of the storage daemon. Each call may be repeated: creating what is there and
/// removing what is gone succeed.
public protocol JobStorage: Sendable {
  /// The host's path of the mount in which `storage`, `workspaces` and `artifacts` lie.
  var mount: String { get }
  /// Makes the volume `workspaces/<job>`: a writable clone of `snapshot`, or empty.
  func createWorkspace(job: String, from snapshot: UInt32?) async throws
  /// Makes the volume `artifacts/<project>/<job>`.
  func createArtifacts(project: String, job: String) async throws
  /// Makes the job's artifacts immutable.
  func sealArtifacts(project: String, job: String) async throws
  func removeWorkspace(job: String) async throws
  func removeArtifacts(project: String, job: String) async throws
}
