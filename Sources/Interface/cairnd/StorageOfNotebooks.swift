import ControlDatabase
import Notebooks
import StorageAPI
import Wire

/// The volumes of notebooks, at the storage daemon.
struct StorageOfNotebooks: NotebookStorage {
  let client: StorageClient

  func createVolume(_ path: String, from snapshot: UInt32?) async throws {
    guard try await client.volume(path: path) == nil else { return }
    let new =
      path.hasPrefix("artifacts/")
      ? NewVolume(kind: .artifact, path: path, mode: 0o777) : NewVolume(kind: .workspace, path: path)
    do {
      if let snapshot { _ = try await client.clone(snapshot, new) } else { _ = try await client.createVolume(new) }
    } catch let error as APIError where (400...499).contains(error.status) {
      throw ControlError(.invalid, subject: path, error.message)
    }
  }

  func cloneVolume(_ source: String, to path: String) async throws {
    guard try await client.volume(path: path) == nil else { return }
    guard let volume = try await client.volume(path: source) else {
      throw ControlError(.notFound, subject: source, "there is no volume \(source) any more to begin as")
    }
    _ = try await client.clone(volume.id, NewVolume(kind: .workspace, path: path))
  }

  func snapshotVolume(_ source: String, at path: String) async throws {
    guard try await client.volume(path: path) == nil else { return }
    // What was never made has no state to keep.
    guard let volume = try await client.volume(path: source) else { return }
    _ = try await client.snapshot(volume.id, path: path)
  }

  func removeEmptyVolume(_ path: String) async throws {
    // Its own directory is one.
    if let volume = try await client.volume(path: path), volume.usedInodes <= 1 { try await removeVolume(path) }
  }

  func removeVolume(_ path: String) async throws {
    guard let volume = try await client.volume(path: path) else { return }
    do {
      try await client.removeVolume(volume.id)
    } catch let error as APIError where error.status == 404 {
      return
    }
  }
}
