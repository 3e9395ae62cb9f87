import UnixHTTP

extension CairnClient {
  public func deploy(_ new: NewDeployment) async throws -> DeploymentAnswer {
    try await http.post("/v1/deployments", new)
  }

  /// By name.
  public func deployments() async throws -> [Deployment] {
    let list: DeploymentList = try await http.get("/v1/deployments")
    return list.deployments
  }

  public func deployment(_ name: String) async throws -> DeploymentDetails { try await http.get(path(name)) }

  public func update(deployment name: String, _ update: DeploymentUpdate) async throws -> DeploymentAnswer {
    try await http.post(path(name) + "/update", update)
  }

  public func scale(deployment name: String, _ change: ScalingChange) async throws -> Deployment {
    try await http.post(path(name) + "/scale", change)
  }

  /// - Parameter revision: nil: the one that served before.
  public func rollBack(deployment name: String, to revision: Int?) async throws -> Deployment {
    try await http.post(path(name) + "/rollback", RollbackRequest(revision: revision))
  }

  /// Returns when it is gone.
  public func remove(deployment name: String) async throws {
    try await http.send("DELETE", path(name), idleSeconds: nil)
  }

  /// Stops all replicas and the proxy until the daemon is started again; returns when they have ended.
  public func suspendDeployments() async throws {
    try await http.send("POST", "/v1/system/suspend-deployments", idleSeconds: nil)
  }

  /// Calls `body` with each line that the replicas wrote, as it comes.
  public func logs(
    ofDeployment name: String, replica: String?, follow: Bool, tail: Int?,
    _ body: (ReplicaLogLine) async throws -> Void
  ) async throws {
    var target = path(name) + "/logs?follow=\(follow)"
    if let replica { target += "&replica=" + UnixHTTPClient.escapeComponent(Array(replica.utf8)) }
    if let tail { target += "&tail=\(tail)" }
    try await lines(of: target, body)
  }

  /// The last requests, the oldest first.
  public func requests(ofDeployment name: String, limit: Int) async throws -> [DeploymentRequestEntry] {
    let list: DeploymentRequestList = try await http.get(path(name) + "/requests?limit=\(limit)")
    return list.requests
  }

  private func path(_ name: String) -> String {
    "/v1/deployments/" + UnixHTTPClient.escapeComponent(Array(name.utf8))
  }
}
