import HTTPService
import Tracker
import Wire

extension MLflowAPI {
  func addExperimentEndpoints(to endpoints: inout Endpoints) {
    endpoints.add("POST", path: "mlflow/experiments/create") { call in
      let number = try await call.project.createExperiment(
        try call.parameters.requiredText("name"), location: try location(call.parameters.text("artifact_location")),
        tags: try call.parameters.pairs("tags"))
      return .object { $0.field("experiment_id", String(number)) }
    }
    endpoints.add("GET", path: "mlflow/experiments/get") { call in
      call.answer(try await call.project.experiment(call.experimentNumber()))
    }
    endpoints.add("GET", path: "mlflow/experiments/get-by-name") { call in
      call.answer(try await call.project.experiment(named: call.parameters.requiredText("experiment_name")))
    }
    endpoints.add("GET", "POST", path: "mlflow/experiments/search", search)
    endpoints.add("POST", path: "mlflow/experiments/delete") { call in
      try await call.project.deleteExperiment(call.experimentNumber())
      return .done
    }
    endpoints.add("POST", path: "mlflow/experiments/restore") { call in
      try await call.project.restoreExperiment(call.experimentNumber())
      return .done
    }
    endpoints.add("POST", path: "mlflow/experiments/update") { call in
      let number = try call.experimentNumber()
      try await call.project.renameExperiment(number, to: call.parameters.requiredText("new_name"))
      return .done
    }
    endpoints.add("POST", path: "mlflow/experiments/set-experiment-tag") { call in
      let number = try call.experimentNumber()
      let tag = KeyValue(try call.parameters.requiredText("key"), try call.parameters.text("value"))
      try await call.project.setExperimentTag(tag, of: number)
      return .done
    }
    endpoints.add("POST", path: "mlflow/experiments/delete-experiment-tag") { call in
      let number = try call.experimentNumber()
      try await call.project.deleteExperimentTag(call.parameters.requiredText("key"), of: number)
      return .done
    }
  }

  private func search(_ call: Call) async throws -> Reply {
    let limit = try call.parameters.count("max_results", in: 1...50_000, otherwise: 1000)
    let page = try await call.project.searchExperiments(
      SearchFilter(call.parameters.text("filter"), for: .experiments),
      SearchOrder(call.parameters.texts("order_by"), for: .experiments), stages: call.stages("view_type"),
      after: PageToken(call.parameters.text("page_token")), limit: limit)
    return .object { answer in
      if !page.records.isEmpty {
        answer.array("experiments") { list in
          for experiment in page.records { list.object { $0.experiment(experiment, call.homes) } }
        }
      }
      if let next = page.next { answer.field("next_page_token", next.text) }
    }
  }

  /// A place of the client's own for artifacts, such as a bucket. A directory is none: whoever reads it later may be on
  /// another host, and would read and write a directory of that name there.
  private func location(_ text: String) throws -> String? {
    if text.isEmpty { return nil }
    let scheme = text.firstRange(of: ":").map { text[..<$0.lowerBound].lowercased() }
    guard let scheme, scheme != "file", text.dropFirst(scheme.count + 1).hasPrefix("/") else {
      throw MLflowError.invalid(
        "'\(text.prefix(200))' can't be the artifact_location: give none, and Cairn keeps the artifacts as files below "
          + "its own mount; or the address of a store that every host reaches, such as s3://bucket/path.")
    }
    guard !text.contains("?"), !text.contains("#"), !text.split(separator: "/").contains("..") else {
      throw MLflowError.invalid("An artifact_location has no query, no fragment and no '..' in it.")
    }
    return text
  }
}

extension Call {
  var homes: ArtifactHomes { ArtifactHomes(project: project.project, caller: caller) }

  fileprivate func answer(_ experiment: Experiment) -> Reply {
    .object { answer in answer.object("experiment") { $0.experiment(experiment, homes) } }
  }
}
