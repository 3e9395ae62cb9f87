import ControlAPI
import Glibc
import Linux
import ModelRepository
import StorageAPI
import UnixHTTP
import Wire

/// The trees of model versions, at the storage daemon and in the mount.
struct StorageOfModels: ModelStorage {
  let client: StorageClient
  let mount: String

  /// How long the storage daemon may be away: it is back within seconds after a crash or an upgrade.
  private static let patience = Duration.seconds(60)

  /// Does again what the storage daemon's absence has kept from being done: every step here may be repeated.
  func persisting<Value>(_ body: () async throws -> Value) async throws -> Value {
    let deadline = ContinuousClock.now + Self.patience
    while true {
      do {
        return try await body()
      } catch is HTTPClientError where ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

  func createVersion(at path: String, from content: ModelContent) async throws {
    try await persisting { try await makeVersion(at: path, from: content) }
  }

  private func makeVersion(at path: String, from content: ModelContent) async throws {
    if let left = try await client.volume(path: path) {
      // What an earlier, interrupted try has made is as good as new if it came to its end.
      if left.sealed { return try await discard(content) }
      try await remove(left)
    }
    switch content {
    case .elsewhere: return
    case .volume(let id):
      let upload = try await client.volume(id)
      guard upload.isModelUpload else {
        throw APIError.invalid("Volume \(id) is no uploaded model.", subject: "volume \(id)")
      }
      try await place(upload, at: path)
    case .path(let source): try await copy(source, to: path)
    }
    try await discard(content)
  }

  func removeVersion(at path: String) async throws {
    try await persisting {
      if let volume = try await client.volume(path: path) { try await remove(volume) }
    }
  }

  func setLink(_ path: String, to target: String) async throws {
    try await persisting { try await client.setLink(path, to: target) }
  }

  func removeLink(_ path: String) async throws {
    try await persisting { try await client.removeLink(path) }
  }

  /// Uploads that no version was made of, because a client or this daemon went away in between.
  func removeUploads(except needed: Set<UInt32>) async throws {
    for volume in try await client.volumes() where volume.isModelUpload && !needed.contains(volume.id) {
      try await remove(volume)
    }
  }

  // MARK: Making

  private func discard(_ content: ModelContent) async throws {
    guard case .volume(let id) = content else { return }
    do {
      try await client.removeVolume(id)
    } catch let error as APIError where error.status == 404 {
      return
    }
  }

  /// Lets a version begin as a volume is now, and never change again.
  private func place(_ source: Volume, at path: String) async throws {
    let version = try await client.clone(source.id, NewVolume(kind: .model, path: path))
    _ = try await client.seal(version.id)
  }

  /// A version of what is at `source` under the mount: a whole volume, or a part of one.
  private func copy(_ source: String, to path: String) async throws {
    let whole = try await volume(of: source)
    let part = String(source.dropFirst(whole.path.utf8.count).drop { $0 == "/" })
    if part.isEmpty { return try await place(whole.volume, at: path) }
    // Of a volume that still changes, a snapshot holds still.
    let scratch = "volumes/registering-" + path.replacing("/", with: "-")
    try await removeVersion(at: scratch + "-from")
    try await removeVersion(at: scratch)
    var from = whole.path
    if !whole.volume.sealed {
      from = scratch + "-from"
      _ = try await client.snapshot(whole.volume.id, path: from)
    }
    do {
      let made = try await client.createVolume(NewVolume(kind: .model, path: scratch))
      let copy = TreeCopy(from: mount + "/" + from, part, to: mount + "/" + scratch)
      try await offPool { try copy.run() }
      try await place(made, at: path)
    } catch {
      // What can't be removed now is before the next try.
      try? await removeVersion(at: scratch)
      try? await removeVersion(at: scratch + "-from")
      guard let fault = error as? SystemError else { throw error }
      let isFull = fault.code == ENOSPC || fault.code == EDQUOT
      throw APIError(
        status: isFull ? 507 : 409, code: isFull ? "full" : "not_copied",
        message: "The files could not be made a model version: \(fault).", subject: source)
    }
    try await removeVersion(at: scratch)
    try await removeVersion(at: scratch + "-from")
  }

  /// The volume in which a path lies.
  private func volume(of path: String) async throws -> (volume: Volume, path: String) {
    let found = try await client.volumes().compactMap { volume in volume.path.map { (volume: volume, path: $0) } }
      .first { path == $0.path || path.hasPrefix($0.path + "/") }
    guard let found else {
      throw APIError.notFound("There is nothing at \(path) under the mount.", subject: path)
    }
    return found
  }

  private func remove(_ volume: Volume) async throws {
    do {
      try await client.removeVolume(volume.id)
    } catch let error as APIError where error.status == 404 {
      return
    }
  }
}
