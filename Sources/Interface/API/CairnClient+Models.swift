import StorageAPI
public import UnixHTTP
import Wire

// Models. `project` is nil where the name says which model is meant; `version` is a number, an alias, a stage or `latest`.
extension CairnClient {
  private func target(_ name: String, _ rest: String = "", project: String?) -> String {
    let path = "/v1/models/\(escapeComponent(name))\(rest)"
    return project.map { path + "?project=" + escapeComponent($0) } ?? path
  }

  private func versionTarget(_ version: String) -> String { "/versions/\(escapeComponent(version))" }

  private func escapeComponent(_ text: String) -> String { UnixHTTPClient.escapeComponent(Array(text.utf8)) }

  /// By name. `filter` is as MLflow's clients write it: `name LIKE 'digits%' AND tags.team = 'vision'`.
  public func models(
    project: String? = nil, filter: String? = nil, limit: Int? = nil, pageToken: String? = nil
  ) async throws -> ModelList {
    var query: [String] = []
    if let project { query.append("project=" + escapeComponent(project)) }
    if let filter { query.append("filter=" + escapeComponent(filter)) }
    if let limit { query.append("limit=\(limit)") }
    if let pageToken { query.append("page_token=" + escapeComponent(pageToken)) }
    return try await http.get("/v1/models" + (query.isEmpty ? "" : "?" + query.joined(separator: "&")))
  }

  public func model(_ name: String, project: String? = nil) async throws -> ModelDetails {
    try await http.get(target(name, project: project))
  }

  public func modelVersion(_ name: String, _ version: String, project: String? = nil) async throws -> ModelVersion {
    try await http.get(target(name, versionTarget(version), project: project))
  }

  /// Returns when the version is there; reading a large one for its checksums takes a while.
  public func register(model name: String, _ new: NewModelVersion) async throws -> ModelVersion {
    let path = "/v1/models/\(escapeComponent(name))/versions"
    let answer = try await http.send("POST", path, body: .json(new), idleSeconds: nil)
    return try http.decode(ModelVersion.self, answer, of: "POST \(path)")
  }

  /// Makes an upload of a tree whose chunks are all in the store, for ``register(model:_:)``.
  public func addModelTree(_ entries: [TreeEntry]) async throws -> Volume {
    let body = UnixHTTPClient.Body.stream { writer in
      for entry in entries { try await writer.write(WireJSON.encode(entry) + [UInt8(ascii: "\n")]) }
    }
    let answer = try await http.send("POST", "/v1/models/trees", body: body, idleSeconds: 600)
    return try http.decode(Volume.self, answer, of: "POST /v1/models/trees")
  }

  public func change(model name: String, project: String? = nil, _ change: ModelChange) async throws -> Model {
    let path = target(name, project: project)
    return try await http.decode(Model.self, http.send("PATCH", path, body: .json(change)), of: "PATCH \(path)")
  }

  public func change(
    model name: String, version: String, project: String? = nil, _ change: ModelChange
  ) async throws -> ModelVersion {
    let path = target(name, versionTarget(version), project: project)
    return try await http.decode(ModelVersion.self, http.send("PATCH", path, body: .json(change)), of: "PATCH \(path)")
  }

  public func setAlias(_ alias: String, of name: String, to version: String, project: String? = nil) async throws {
    try await http.send(
      "PUT", target(name, "/aliases/\(escapeComponent(alias))", project: project),
      body: .json(AliasTarget(version: version)))
  }

  public func removeAlias(_ alias: String, of name: String, project: String? = nil) async throws {
    try await http.send("DELETE", target(name, "/aliases/\(escapeComponent(alias))", project: project))
  }

  /// - Parameter version: nil: the model with all its versions.
  public func remove(model name: String, version: String?, project: String? = nil) async throws -> RemovedModel {
    let path = target(name, version.map(versionTarget) ?? "", project: project)
    return try await http.decode(RemovedModel.self, http.send("DELETE", path, idleSeconds: 600), of: "DELETE \(path)")
  }

  public func files(ofModel name: String, _ version: String, project: String? = nil) async throws -> ModelFileList {
    try await http.get(target(name, versionTarget(version) + "/files", project: project))
  }

  /// A file's content, as it comes.
  public func file(
    _ path: String, ofModel name: String, _ version: String, project: String
  ) async throws -> ResponseBody {
    let path = target(name, versionTarget(version) + "/content", project: project) + "&path=" + escapeComponent(path)
    let response = try await http.request("GET", path)
    try await response.throwIfRefused()
    return response.body
  }
}
