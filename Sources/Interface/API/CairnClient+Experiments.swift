import ExperimentStates
import UnixHTTP
import Wire

extension CairnClient {
  public func submit(_ new: NewExperiment) async throws -> Experiment { try await http.post("/v1/experiments", new) }

  /// The newest first.
  public func experiments(project: String? = nil, limit: Int? = nil) async throws -> [Experiment] {
    var query: [String] = []
    if let project { query.append("project=" + escape(experiment: project)) }
    if let limit { query.append("limit=\(limit)") }
    let list: ExperimentList = try await http.get(
      "/v1/experiments" + (query.isEmpty ? "" : "?" + query.joined(separator: "&")))
    return list.experiments
  }

  /// `experiment` here and below: an identifier, a unique prefix of one, or a name.
  public func experiment(_ experiment: String) async throws -> ExperimentDetails {
    try await http.get(path(experiment))
  }

  public func stop(experiment: String) async throws -> Experiment {
    try await http.post(path(experiment) + "/stop", EmptyBody())
  }

  /// Returns the experiment when it has ended.
  public func wait(forExperiment experiment: String) async throws -> Experiment {
    while true {
      let answer: Experiment = try await http.get(path(experiment) + "/wait?seconds=60")
      if answer.state.isTerminal { return answer }
    }
  }

  public func remove(experiment: String, artifacts: Bool) async throws {
    try await http.send("DELETE", path(experiment) + "?artifacts=\(artifacts)", idleSeconds: nil)
  }

  public func compare(_ references: [String]) async throws -> Comparison {
    try await http.post("/v1/experiments/compare", ComparisonRequest(references: references))
  }

  private struct EmptyBody: Encodable {}

  private func path(_ experiment: String) -> String { "/v1/experiments/" + escape(experiment: experiment) }

  private func escape(experiment: String) -> String { UnixHTTPClient.escapeComponent(Array(experiment.utf8)) }
}
