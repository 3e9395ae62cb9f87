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
  /// The snapshots that workspaces were sent as, by their volume numbers, with the time of each in nanoseconds since 1970.
  func sentWorkspaces() async throws -> [UInt32: Int64]
  /// Does nothing where there is none of this number, or it is another kind of volume.
  func removeSentWorkspace(_ number: UInt32) async throws
  func removeArtifacts(project: String, job: String) async throws
}
