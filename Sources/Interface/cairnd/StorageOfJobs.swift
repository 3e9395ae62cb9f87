import Jobs
import StorageAPI
import Wire

/// The volumes of jobs, at the storage daemon.
struct StorageOfJobs: JobStorage {
  let client: StorageClient
  let mount: String

  func createWorkspace(job: String, from snapshot: UInt32?) async throws {
    let new = NewVolume(kind: .workspace, path: "workspaces/\(job)")
    try await create(new) {
      if let snapshot { try await client.clone(snapshot, new) } else { try await client.createVolume(new) }
    }
  }

  func createArtifacts(project: String, job: String) async throws {
    // Any user may write: the image decides who the job's user is.
    let new = NewVolume(kind: .artifact, path: "artifacts/\(project)/\(job)", mode: 0o777)
    try await create(new) { try await client.createVolume(new) }
  }

  func sealArtifacts(project: String, job: String) async throws {
    let path = "artifacts/\(project)/\(job)"
    guard let volume = try await client.volume(path: path) else { return }
    if !volume.sealed { _ = try await client.seal(volume.id) }
  }

  func removeWorkspace(job: String) async throws { try await remove("workspaces/\(job)") }

  func removeArtifacts(project: String, job: String) async throws { try await remove("artifacts/\(project)/\(job)") }

  /// What an earlier, interrupted try has made is as good as new.
  private func create(_ new: NewVolume, _ body: () async throws -> Volume) async throws {
    if let path = new.path, try await client.volume(path: path) != nil { return }
    _ = try await body()
  }

  private func remove(_ path: String) async throws {
    guard let volume = try await client.volume(path: path) else { return }
    do {
      try await client.removeVolume(volume.id)
    } catch let error as APIError where error.status == 404 {
      return
    }
  }
}
