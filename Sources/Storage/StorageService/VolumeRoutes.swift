import Catalog
import FileSystem
import HTTPService
import StorageAPI
import Wire

// Volumes: GET, POST /v1/volumes; GET, DELETE /v1/volumes/{id}; POST …/snapshot, …/clone, …/seal; PUT …/quota.
extension StorageService {
  func addVolumeRoutes(to router: inout Router) {
    router.add("GET", "/v1/volumes") { [self] request in
      let path = request.query("path")
      let rows = try await onStore { $0.volumes() }
      let volumes = rows.compactMap(Volume.init).filter { path == nil || $0.path == path }
      return try .json(VolumeList(volumes: volumes))
    }
    router.add("POST", "/v1/volumes") { [self] request in
      let new = try await VolumeRequest(request.json(NewVolume.self))
      return try await answer(201) { try $0.createVolume(new) }
    }
    router.add("GET", "/v1/volumes/{id}") { [self] request in
      let id = try volumeID(request)
      return try await answer { try $0.volume(id) }
    }
    router.add("DELETE", "/v1/volumes/{id}") { [self] request in
      let id = try volumeID(request)
      try await onStore { try $0.removeVolume(id) }
      return .empty
    }
    router.add("POST", "/v1/volumes/{id}/snapshot") { [self] request in
      let id = try volumeID(request)
      let snapshot = try await request.json(SnapshotRequest.self)
      return try await answer(201) { try $0.snapshot(id, path: snapshot.path) }
    }
    router.add("POST", "/v1/volumes/{id}/clone") { [self] request in
      let id = try volumeID(request)
      let new = try await VolumeRequest(request.json(NewVolume.self))
      return try await answer(201) { try $0.clone(id, new) }
    }
    router.add("POST", "/v1/volumes/{id}/seal") { [self] request in
      let id = try volumeID(request)
      return try await answer { fileSystem in
        try fileSystem.seal(id)
        return try fileSystem.volume(id)
      }
    }
    router.add("PUT", "/v1/volumes/{id}/quota") { [self] request in
      let id = try volumeID(request)
      let quota = try await request.json(Quota.self)
      return try await answer { fileSystem in
        try fileSystem.setQuota(id, bytes: quota.quotaBytes, inodes: quota.quotaInodes)
        return try fileSystem.volume(id)
      }
    }
  }

  /// The volume that a path names. Volume 0, the skeleton, is the file system's own.
  private func volumeID(_ request: Request) throws -> VolumeID {
    let id = try request.number("id", as: VolumeID.self)
    guard id != 0 else { throw APIError.notFound("There is no volume 0.", subject: "volume 0") }
    return id
  }

  private func answer(
    _ status: Int = 200, _ body: @escaping @Sendable (FileSystem) throws -> VolumeInformation
  ) async throws -> Reply {
    guard let volume = Volume(try await onStore(body)) else {
      throw APIError.notFound("That volume is the file system's own.")
    }
    return try .json(volume, status: status)
  }
}

extension Volume {
  /// nil for the skeleton, which is nobody's business.
  init?(_ row: VolumeInformation) {
    guard let kind = Kind(row.kind) else { return nil }
    self.init(
      id: row.id, kind: kind, path: row.path.map { String(decoding: $0, as: UTF8.self) }, sealed: row.sealed,
      quotaBytes: row.quotaBytes, quotaInodes: row.quotaInodes, usedBytes: row.usedBytes, usedInodes: row.usedInodes,
      createdNanoseconds: row.created, source: row.source == 0 ? nil : row.source)
  }
}

extension Volume.Kind {
  fileprivate init?(_ kind: VolumeKind) {
    switch kind {
    case .skeleton: return nil
    case .persistent: self = .persistent
    case .workspace: self = .workspace
    case .artifact: self = .artifact
    case .model: self = .model
    }
  }

  fileprivate var stored: VolumeKind {
    switch self {
    case .persistent: .persistent
    case .workspace: .workspace
    case .artifact: .artifact
    case .model: .model
    }
  }
}

extension VolumeRequest {
  init(_ new: NewVolume) throws(APIError) {
    self.init(kind: new.kind.stored, path: new.path)
    uid = new.uid ?? 0
    gid = new.gid ?? 0
    mode = new.mode ?? 0o755
    quotaBytes = new.quotaBytes ?? 0
    quotaInodes = new.quotaInodes ?? 0
    guard mode & ~0o7777 == 0 else {
      throw .invalid("The mode \(mode) has bits that are no permissions.", subject: "mode")
    }
  }
}
