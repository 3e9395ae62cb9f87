import API
import HTTPService
import StorageAPI
import Wire

extension ControlAPI {
  /// What the storage daemon does, through this daemon's door.
  func addStorageRoutes(to routes: inout Routes) {
    routes.add("GET", "/v1/volumes") { _ in try .json(VolumeList(volumes: try await storage.volumes())) }
    routes.add("POST", "/v1/volumes") { request in
      try .json(try await storage.createVolume(request.json()), status: 201)
    }
    routes.add("GET", "/v1/volumes/{volume}") { request in
      try .json(try await storage.volume(request.number("volume")))
    }
    routes.add("DELETE", "/v1/volumes/{volume}") { request in
      try await storage.removeVolume(request.number("volume"))
      return .empty
    }
    routes.add("POST", "/v1/volumes/{volume}/snapshot") { request in
      let wanted: SnapshotRequest = try await request.json()
      return try .json(try await storage.snapshot(request.number("volume"), path: wanted.path), status: 201)
    }
    routes.add("POST", "/v1/volumes/{volume}/clone") { request in
      try .json(try await storage.clone(request.number("volume"), request.json()), status: 201)
    }
    routes.add("PUT", "/v1/volumes/{volume}/quota") { request in
      let quota: Quota = try await request.json()
      return try .json(
        try await storage.setQuota(request.number("volume"), bytes: quota.quotaBytes, inodes: quota.quotaInodes))
    }
    routes.add("GET", "/v1/storage/usage") { _ in try .json(try await storage.usage()) }
    routes.add("GET", "/v1/storage/stats") { _ in try .json(try await storage.statistics()) }
    routes.add("POST", "/v1/storage/gc") { _ in try .json(try await storage.collectGarbage()) }
    routes.add("POST", "/v1/storage/check") { request in
      let wanted: CheckRequest = try await request.json()
      return try .json(try await storage.check(repair: wanted.repair))
    }
  }
}
