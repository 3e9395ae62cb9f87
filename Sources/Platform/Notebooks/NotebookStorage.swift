import ControlDatabase

/// What notebooks ask of the storage daemon. Each call may be repeated: making what is there and removing what is gone
/// succeed. Paths are those under the mount.
public protocol NotebookStorage: Sendable {
  /// Makes a volume that is empty, or begins as the snapshot with this volume number.
  func createVolume(_ path: String, from snapshot: UInt32?) async throws
  /// Makes a writable volume at `path` that begins as the one at `source`.
  /// - Throws: ``ControlError`` `notFound` where there is neither.
  func cloneVolume(_ source: String, to path: String) async throws
  /// Makes an immutable volume at `path` that is as the one at `source` is now.
  func snapshotVolume(_ source: String, at path: String) async throws
  func removeVolume(_ path: String) async throws
  /// Removes a volume that no file is in.
  func removeEmptyVolume(_ path: String) async throws
}

/// The volumes of a notebook.
struct NotebookVolumes: Sendable {
  let notebook: String

  /// What is in `/artifacts`: results, which outlive the notebook.
  func artifacts(of project: String) -> String { "artifacts/\(project)/\(notebook)" }
  /// What is in `/workspace`.
  var workspace: String { "workspaces/\(notebook)" }
  /// What is in `/environment`.
  var environment: String { "volumes/notebooks/\(notebook)/environment" }

  func workspace(_ snapshot: Int) -> String { "volumes/notebooks/\(notebook)/snapshots/\(snapshot)/workspace" }
  func environment(_ snapshot: Int) -> String { "volumes/notebooks/\(notebook)/snapshots/\(snapshot)/environment" }

  /// Makes those that it runs with, unless they are there.
  func provide(for record: Notebook, in storage: any NotebookStorage) async throws {
    try await storage.createVolume(artifacts(of: record.project), from: nil)
    guard let source = record.source else {
      try await storage.createVolume(workspace, from: record.request.workspaceSnapshot)
      try await storage.createVolume(environment, from: nil)
      return
    }
    let from = NotebookVolumes(notebook: source.notebook)
    try await storage.cloneVolume(source.snapshot.map { from.workspace($0) } ?? from.workspace, to: workspace)
    try await storage.cloneVolume(source.snapshot.map { from.environment($0) } ?? from.environment, to: environment)
  }

  func snapshot(_ number: Int, in storage: any NotebookStorage) async throws {
    try await storage.snapshotVolume(workspace, at: workspace(number))
    try await storage.snapshotVolume(environment, at: environment(number))
  }
}
