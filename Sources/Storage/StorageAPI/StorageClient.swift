import UnixHTTP
import Wire

/// Speaks to `cairnfsd` over its admin socket.
///
/// A refusal by the daemon is thrown as `APIError`, with the daemon's sentence; everything that keeps
/// the two from talking as ``HTTPClientError``. Safe to use from any number of tasks.
public struct StorageClient: Sendable {
  public let http: UnixHTTPClient

  /// `socket`: the path of the admin socket, such as `/run/cairn/storage.sock`.
  public init(socket: String) {
    http = UnixHTTPClient(socketPath: socket)
  }

  public func information() async throws -> StorageInformation { try await http.get("/v1/info") }
  public func usage() async throws -> Usage { try await http.get("/v1/usage") }
  public func statistics() async throws -> StorageStatistics { try await http.get("/v1/stats") }

  /// Everything that was acknowledged survives a power cut once this returns.
  public func synchronize() async throws { try await http.send("POST", "/v1/sync") }

  /// Deletes what no file refers to any more.
  public func collectGarbage() async throws -> GarbageCollection {
    try await http.decode(GarbageCollection.self, http.send("POST", "/v1/gc"), of: "/v1/gc")
  }

  /// Reads the whole store to find damage, and with `repair` mends what can be derived.
  public func check(repair: Bool) async throws -> CheckResult {
    try await http.post("/v1/check", CheckRequest(repair: repair))
  }

  public func volumes() async throws -> [Volume] {
    let list: VolumeList = try await http.get("/v1/volumes")
    return list.volumes
  }

  public func volume(_ id: Volume.ID) async throws -> Volume { try await http.get("/v1/volumes/\(id)") }

  /// The volume that appears at `path` under the mount; nil: there is none.
  public func volume(path: String) async throws -> Volume? {
    let list: VolumeList = try await http.get("/v1/volumes?path=" + UnixHTTPClient.escape(path))
    return list.volumes.first
  }

  public func createVolume(_ new: NewVolume) async throws -> Volume { try await http.post("/v1/volumes", new) }

  public func removeVolume(_ id: Volume.ID) async throws { try await http.send("DELETE", "/v1/volumes/\(id)") }

  /// A sealed volume that stays as `id` is now.
  public func snapshot(_ id: Volume.ID, path: String? = nil) async throws -> Volume {
    try await http.post("/v1/volumes/\(id)/snapshot", SnapshotRequest(path: path))
  }

  /// A writable volume that begins as `id` is now.
  public func clone(_ id: Volume.ID, _ new: NewVolume) async throws -> Volume {
    try await http.post("/v1/volumes/\(id)/clone", new)
  }

  /// Nothing in the volume changes any more.
  public func seal(_ id: Volume.ID) async throws -> Volume {
    let target = "/v1/volumes/\(id)/seal"
    return try await http.decode(Volume.self, http.send("POST", target), of: target)
  }

  public func setQuota(_ id: Volume.ID, bytes: UInt64, inodes: UInt64) async throws -> Volume {
    try await http.put("/v1/volumes/\(id)/quota", Quota(quotaBytes: bytes, quotaInodes: inodes))
  }

  /// Makes the symbolic link at `path` under the mount, or turns the one that is there, in one step.
  public func setLink(_ path: String, to target: String) async throws {
    try await http.send(
      "PUT", "/v1/links?path=" + UnixHTTPClient.escape(path), body: .json(LinkTarget(target: target)))
  }

  /// Removes the symbolic link at `path`. That there is none is no error.
  public func removeLink(_ path: String) async throws {
    try await http.send("DELETE", "/v1/links?path=" + UnixHTTPClient.escape(path))
  }

  /// Those of `digests` (hexadecimal) that the store lacks, in their order. The others stay for an
  /// hour at least.
  public func missingChunks(_ digests: [String]) async throws -> [String] {
    let answer: DigestList = try await http.post("/v1/ingest/missing", DigestList(digests: digests))
    return answer.digests
  }

  /// Stores chunks. `frames` writes them, each as a ``ChunkFrame`` header and its content, in pieces
  /// of any size.
  public func addChunks(
    frames: @escaping @Sendable (UnixHTTPClient.BodyWriter) async throws -> Void
  ) async throws -> IngestedChunks {
    let target = "/v1/ingest/chunks"
    return try await http.decode(IngestedChunks.self, http.send("POST", target, body: .stream(frames)), of: target)
  }

  /// Stores chunks of 1 to ``ChunkFrame/maximumLength`` bytes.
  public func addChunks(_ contents: [[UInt8]]) async throws -> IngestedChunks {
    try await addChunks { writer in
      for content in contents { try await writer.write(ChunkFrame.header(length: content.count) + content) }
    }
  }

  /// Makes a sealed volume of a tree whose chunks are all in the store.
  public func ingestTree(
    _ new: NewVolume, _ entries: some AsyncSequence<TreeEntry, any Error> & Sendable
  ) async throws -> Volume {
    try await ingestTree(new) { writer in
      for try await entry in entries { try await writer.write(WireJSON.encode(entry) + [UInt8(ascii: "\n")]) }
    }
  }

  public func ingestTree(_ new: NewVolume, _ entries: [TreeEntry]) async throws -> Volume {
    try await ingestTree(new) { writer in
      for entry in entries { try await writer.write(WireJSON.encode(entry) + [UInt8(ascii: "\n")]) }
    }
  }

  private func ingestTree(
    _ new: NewVolume, lines: @escaping @Sendable (UnixHTTPClient.BodyWriter) async throws -> Void
  ) async throws -> Volume {
    let body = UnixHTTPClient.Body.stream { writer in
      try await writer.write(WireJSON.encode(new) + [UInt8(ascii: "\n")])
      try await lines(writer)
    }
    let target = "/v1/ingest/trees"
    return try await http.decode(Volume.self, http.send("POST", target, body: body), of: target)
  }
}
