import Jobs
import StorageAPI
import UnixHTTP
import Wire

/// The volumes of jobs, at the storage daemon.
struct StorageOfJobs: JobStorage {
  /// How long the storage daemon may be away: a large store has to be read when it starts.
  private static let patience = Duration.seconds(120)

  let client: StorageClient
  let mount: String

  /// Does something that may be repeated, until the storage daemon is there to hear and answer it.
  private func patiently<Value>(_ body: () async throws -> Value) async throws -> Value {
    let deadline = ContinuousClock.now + Self.patience
    while true {
      do {
        return try await body()
      } catch let error as HTTPClientError where error.isOfAbsence && .now < deadline {
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

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
    try await patiently {
      guard let volume = try await client.volume(path: path) else { return }
      if !volume.sealed { _ = try await client.seal(volume.id) }
    }
  }

  func removeWorkspace(job: String) async throws { try await remove("workspaces/\(job)") }

  func sentWorkspaces() async throws -> [UInt32: Int64] {
    let volumes = try await patiently { try await client.volumes() }
    return Dictionary(
      uniqueKeysWithValues: volumes.filter(\.isSentWorkspace).map { ($0.id, $0.createdNanoseconds) })
  }

  func removeSentWorkspace(_ number: UInt32) async throws {
    do {
      // A job may name any volume: others than those that were sent are people's own.
      guard try await client.volume(number).isSentWorkspace else { return }
      try await client.removeVolume(number)
    } catch let error as APIError where error.status == 404 {
      return
    }
  }

  func removeArtifacts(project: String, job: String) async throws { try await remove("artifacts/\(project)/\(job)") }

  /// What an earlier, interrupted try has made is as good as new.
  private func create(_ new: NewVolume, _ body: () async throws -> Volume) async throws {
    try await patiently {
      if let path = new.path, try await client.volume(path: path) != nil { return }
      _ = try await body()
    }
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

extension Volume {
  /// Whether it was brought in by `POST /v1/workspaces/trees`. Snapshots and clones, which people may have made, have a
  /// source.
  fileprivate var isSentWorkspace: Bool { kind == .workspace && path == nil && sealed && source == nil }
}

extension HTTPClientError {
  /// Whether nobody was there, or has gone over the answer.
  fileprivate var isOfAbsence: Bool {
    switch self {
    case .unreachable, .disconnected: true
    default: false
    }
  }
}
