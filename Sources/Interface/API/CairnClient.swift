import FoundationEssentials
import JobStates
public import StorageAPI
public import UnixHTTP
import Wire

/// Speaks to `cairnd` over its Unix socket.
///
/// A refusal by the daemon is thrown as `APIError`, with the daemon's sentence; everything that keeps
/// the two from talking as `HTTPClientError`. Safe to use from any number of tasks.
public struct CairnClient: Sendable {
  public let http: UnixHTTPClient

  /// `socket`: the path of `cairnd`'s socket, such as `/run/cairn/cairn.sock`.
  public init(socket: String) {
    http = UnixHTTPClient(socketPath: socket)
  }

  /// A path among artifacts as a query: text where it is UTF-8, else its bytes in base64.
  private func query(_ path: [UInt8]) -> String {
    if let text = String(validating: path, as: UTF8.self) { return "path=" + escape(text) }
    return "path_bytes=" + escape(Data(path).base64EncodedString())
  }

  private func escape(_ text: String) -> String { UnixHTTPClient.escapeComponent(Array(text.utf8)) }

  // MARK: Jobs

  public func submit(_ new: NewJob) async throws -> Job { try await http.post("/v1/jobs", new) }

  /// The newest first. What is nil does not narrow the list.
  public func jobs(project: String? = nil, states: [JobState]? = nil, limit: Int? = nil) async throws -> [Job] {
    var query: [String] = []
    if let project { query.append("project=" + escape(project)) }
    if let states { query.append("state=" + states.map(\.rawValue).joined(separator: ",")) }
    if let limit { query.append("limit=\(limit)") }
    let list: JobList = try await http.get("/v1/jobs" + (query.isEmpty ? "" : "?" + query.joined(separator: "&")))
    return list.jobs
  }

  /// `job` here and below: an identifier, a unique prefix of one, or a name.
  public func job(_ job: String) async throws -> JobDetails { try await http.get("/v1/jobs/\(escape(job))") }

  public func stop(_ job: String, graceSeconds: Int? = nil) async throws -> Job {
    try await http.post("/v1/jobs/\(escape(job))/stop", StopRequest(graceSeconds: graceSeconds))
  }

  public func remove(job: String, artifacts: Bool) async throws {
    try await http.send("DELETE", "/v1/jobs/\(escape(job))?artifacts=\(artifacts)")
  }

  /// Queues a job that repeats this one: the same snapshot, image, environment and resources.
  public func rerun(_ job: String) async throws -> Job {
    let target = "/v1/jobs/\(escape(job))/rerun"
    return try await http.decode(Job.self, http.send("POST", target), of: target)
  }

  /// Whether two jobs' artifacts are the same, file by file.
  public func compare(_ first: String, with second: String) async throws -> ArtifactComparison {
    try await http.get("/v1/jobs/\(escape(first))/compare?with=\(escape(second))")
  }

  /// What an attempt used of the host; nil: the last one.
  public func usage(of job: String, attempt: Int? = nil) async throws -> JobUsage {
    try await http.get("/v1/jobs/\(escape(job))/usage" + (attempt.map { "?attempt=\($0)" } ?? ""))
  }

  /// Returns the job when it has ended.
  public func wait(for job: String) async throws -> Job {
    while true {
      let answer: Job = try await http.get("/v1/jobs/\(escape(job))/wait?seconds=60")
      if answer.state.isTerminal { return answer }
    }
  }

  /// Calls `body` with each line that a job wrote, as it comes.
  /// - Parameters:
  ///   - stream: only what it wrote there.
  ///   - after: the cursor of a line, to go on behind it.
  public func logs(
    of job: String, follow: Bool, attempt: Int? = nil, tail: Int? = nil, stream: LogLine.Stream? = nil,
    after: String? = nil, _ body: (LogLine) async throws -> Void
  ) async throws {
    var target = "/v1/jobs/\(escape(job))/logs?follow=\(follow)"
    if let attempt { target += "&attempt=\(attempt)" }
    if let tail { target += "&tail=\(tail)" }
    if let stream { target += "&stream=\(stream.rawValue)" }
    if let after { target += "&after=\(escape(after))" }
    try await lines(of: target, body)
  }

  /// Calls `body` with each event of a job; with `follow` until the job has ended.
  public func events(
    of job: String, follow: Bool, after: Int64 = 0, _ body: (JobEvent) async throws -> Void
  ) async throws {
    try await lines(of: "/v1/jobs/\(escape(job))/events?follow=\(follow)&after=\(after)", body)
  }

  // MARK: Projects

  public func projects() async throws -> [Project] {
    let list: ProjectList = try await http.get("/v1/projects")
    return list.projects
  }

  public func project(_ name: String) async throws -> Project { try await http.get("/v1/projects/\(escape(name))") }

  public func create(project: String) async throws -> Project {
    try await http.post("/v1/projects", NewProject(name: project))
  }

  public func setQuota(_ quota: ProjectQuota, of project: String) async throws -> Project {
    try await http.put("/v1/projects/\(escape(project))/quota", quota)
  }

  public func remove(project: String) async throws { try await http.send("DELETE", "/v1/projects/\(escape(project))") }

  // MARK: Tokens

  public func tokens() async throws -> [Token] {
    let list: TokenList = try await http.get("/v1/tokens")
    return list.tokens
  }

  public func create(token: NewToken) async throws -> NewTokenSecret { try await http.post("/v1/tokens", token) }

  public func revoke(token: String) async throws { try await http.send("DELETE", "/v1/tokens/\(escape(token))") }

  // MARK: Secrets

  /// - Parameter project: only those that its jobs may have; nil: all there are.
  public func secrets(project: String? = nil) async throws -> [Secret] {
    let query = project.map { "?project=" + escape($0) } ?? ""
    let list: SecretList = try await http.get("/v1/secrets" + query)
    return list.secrets
  }

  public func set(secret: String, _ new: NewSecret) async throws -> Secret {
    try await http.put("/v1/secrets/\(escape(secret))", new)
  }

  public func remove(secret: String, project: String?) async throws {
    let query = project.map { "?project=" + escape($0) } ?? ""
    try await http.send("DELETE", "/v1/secrets/\(escape(secret))" + query)
  }

  // MARK: Artifacts

  /// What is at `path` among a job's artifacts, and in it; the empty path is all of them.
  public func artifacts(of job: String, path: [UInt8] = [], recursive: Bool = false) async throws -> ArtifactList {
    try await http.get(
      "/v1/artifacts/\(escape(job))?recursive=\(recursive)&\(query(path))")
  }

  /// A file's content, as it comes.
  public func artifact(of job: String, path: [UInt8]) async throws -> ResponseBody {
    let response = try await http.request(
      "GET", "/v1/artifacts/\(escape(job))/content?\(query(path))")
    try await response.throwIfRefused()
    return response.body
  }

  /// Removes a file or a directory with all that is in it; the empty path is all of a job's artifacts.
  public func removeArtifacts(of job: String, path: [UInt8] = []) async throws {
    try await http.send("DELETE", "/v1/artifacts/\(escape(job))?\(query(path))")
  }

  // MARK: Storage

  public func volumes() async throws -> [Volume] {
    let list: VolumeList = try await http.get("/v1/volumes")
    return list.volumes
  }

  public func volume(_ id: Volume.ID) async throws -> Volume { try await http.get("/v1/volumes/\(id)") }
  public func create(volume: NewVolume) async throws -> Volume { try await http.post("/v1/volumes", volume) }
  public func remove(volume: Volume.ID) async throws { try await http.send("DELETE", "/v1/volumes/\(volume)") }

  /// A sealed volume that stays as `id` is now.
  public func snapshot(_ id: Volume.ID, path: String?) async throws -> Volume {
    try await http.post("/v1/volumes/\(id)/snapshot", SnapshotRequest(path: path))
  }

  /// A writable volume that begins as `id` is now.
  public func clone(_ id: Volume.ID, _ new: NewVolume) async throws -> Volume {
    try await http.post("/v1/volumes/\(id)/clone", new)
  }

  public func setQuota(_ id: Volume.ID, _ quota: Quota) async throws -> Volume {
    try await http.put("/v1/volumes/\(id)/quota", quota)
  }

  public func usage() async throws -> Usage { try await http.get("/v1/storage/usage") }
  public func statistics() async throws -> StorageStatistics { try await http.get("/v1/storage/stats") }

  /// Deletes what no file refers to any more.
  public func collectGarbage() async throws -> GarbageCollection {
    try await http.decode(GarbageCollection.self, http.send("POST", "/v1/storage/gc"), of: "/v1/storage/gc")
  }

  /// Reads the whole store to find damage, and with `repair` mends what can be derived.
  public func check(repair: Bool) async throws -> CheckResult {
    try await http.post("/v1/storage/check", CheckRequest(repair: repair))
  }

  // MARK: Workspaces

  /// Those of `digests` (hexadecimal) that the store lacks. The others stay for an hour at least.
  public func missingChunks(_ digests: [String]) async throws -> [String] {
    let answer: DigestList = try await http.post("/v1/workspaces/missing", DigestList(digests: digests))
    return answer.digests
  }

  /// Stores chunks; returns their digests.
  public func addChunks(_ contents: [[UInt8]]) async throws -> [String] {
    let body = UnixHTTPClient.Body.stream { writer in
      for content in contents { try await writer.write(ChunkFrame.header(length: content.count) + content) }
    }
    let answer = try await http.send("POST", "/v1/workspaces/chunks", body: body)
    return try http.decode(IngestedChunks.self, answer, of: "POST /v1/workspaces/chunks").digests
  }

  /// Makes a snapshot of a tree whose chunks are all in the store.
  public func addTree(_ entries: [TreeEntry]) async throws -> Volume {
    let body = UnixHTTPClient.Body.stream { writer in
      for entry in entries { try await writer.write(WireJSON.encode(entry) + [UInt8(ascii: "\n")]) }
    }
    let answer = try await http.send("POST", "/v1/workspaces/trees", body: body, idleSeconds: 600)
    return try http.decode(Volume.self, answer, of: "POST /v1/workspaces/trees")
  }

  // MARK: System

  public func information() async throws -> SystemInfo { try await http.get("/v1/system/info") }
  public func doctor() async throws -> DoctorReport { try await http.get("/v1/system/doctor") }

  public func gpus() async throws -> [GPU] {
    let list: GPUList = try await http.get("/v1/gpus")
    return list.gpus
  }

  /// Reads an answer of one JSON value a line. The daemon cannot change its status once lines are on
  /// their way, so what goes wrong then comes as a last line, a ``StreamFailure``.
  func lines<Line: Decodable>(of target: String, _ body: (Line) async throws -> Void) async throws {
    let response = try await http.request("GET", target, idleSeconds: nil)
    try await response.throwIfRefused()
    for try await line in response.body.lines where !line.isEmpty {
      if line.starts(with: Array(#"{"error":"#.utf8)),
        let failure = try? WireJSON.decode(StreamFailure.self, from: line).error
      {
        throw APIError(status: 500, code: failure.code, message: failure.message, subject: failure.subject)
      }
      try await body(http.decode(Line.self, line, of: "GET \(target)"))
    }
  }
}

extension UnixHTTPClient {
  /// Percent-encodes all but unreserved characters, slashes too: for one component of a path, or for
  /// a value in a query.
  static func escapeComponent(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var escaped: [UInt8] = []
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        escaped.append(byte)
      default:
        escaped += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: escaped, as: UTF8.self)
  }
}
