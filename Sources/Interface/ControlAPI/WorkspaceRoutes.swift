import API
import HTTPService
import StorageAPI
import UnixHTTP
import Wire

extension ControlAPI {
  /// How a directory becomes a snapshot: which chunks are missing, these, then the tree. The pieces of
  /// the bodies go on to the storage daemon as they come.
  func addWorkspaceRoutes(to routes: inout Routes) {
    routes.add("POST", "/v1/workspaces/missing") { request in
      let asked: DigestList = try await request.json(limit: 16 << 20)
      return try .json(DigestList(digests: try await storage.missingChunks(asked.digests)))
    }
    routes.add("POST", "/v1/workspaces/chunks") { request in
      let body = request.body
      return try .json(
        try await storage.addChunks { writer in
          for try await piece in body { try await writer.write(piece) }
        })
    }
    routes.add("POST", "/v1/workspaces/trees") { request in
      let body = request.body
      let answer = try await storage.http.send(
        "POST", "/v1/ingest/trees",
        body: .stream { writer in
          try await writer.write(WireJSON.encode(NewVolume(kind: .workspace)) + [10])
          for try await piece in body { try await writer.write(piece) }
        }, idleSeconds: 600)
      return .bytes(answer, contentType: "application/json", status: 201)
    }
  }
}
