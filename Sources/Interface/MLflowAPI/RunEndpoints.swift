import HTTPService
import Tracker
import Wire

extension MLflowAPI {
  func addRunEndpoints(to endpoints: inout Endpoints) {
    endpoints.add("POST", path: "mlflow/runs/create") { call in
      let new = NewRun(
        experiment: try Call.number(of: try call.parameters.optionalText("experiment_id") ?? "0"),
        name: try call.parameters.optionalText("run_name"), user: try call.parameters.optionalText("user_id"),
        startTime: try call.parameters.integer("start_time"), tags: try call.parameters.pairs("tags"),
        job: call.caller.attempt?.job, attempt: call.caller.attempt?.number)
      let run = try await call.project.createRun(new)
      if let attempt = call.caller.attempt { await runIsMade(attempt) }
      return call.answer(run, isNew: true)
    }
    endpoints.add("GET", path: "mlflow/runs/get") { call in
      call.answer(try await call.project.run(call.runIdentifier()))
    }
    endpoints.add("POST", path: "mlflow/runs/update") { call in
      let run = try await call.project.updateRun(
        call.runIdentifier(), status: try status(call), endTime: try call.parameters.integer("end_time"),
        name: try call.parameters.optionalText("run_name"))
      return .object { answer in answer.object("run_info") { $0.runInfo(run, call.homes) } }
    }
    endpoints.add("POST", path: "mlflow/runs/delete") { call in
      try await call.project.deleteRun(call.runIdentifier())
      return .done
    }
    endpoints.add("POST", path: "mlflow/runs/restore") { call in
      try await call.project.restoreRun(call.runIdentifier())
      return .done
    }
    endpoints.add("POST", path: "mlflow/runs/search", searchRuns)
    endpoints.add("POST", path: "mlflow/runs/log-inputs") { call in
      let inputs = try call.parameters.objects("datasets").map(datasetInput)
      let models = try call.parameters.objects("models").map { try $0.requiredText("model_id") }
      try await call.project.logInputs(inputs, models: models, to: call.runIdentifier())
      return .done
    }
    endpoints.add("POST", path: "mlflow/runs/outputs") { call in
      let models = try call.parameters.objects("models").map {
        ModelLink(model: try $0.requiredText("model_id"), step: try $0.integer("step") ?? 0)
      }
      try await call.project.logOutputs(models, to: call.runIdentifier())
      return .done
    }
    endpoints.add("POST", path: "mlflow/experiments/search-datasets", searchDatasets)
  }

  private func status(_ call: Call) throws -> RunStatus? {
    switch try call.parameters.value("status") {
    case nil: return nil
    case .string(let name):
      if let status = RunStatus(name: name) { return status }
      throw MLflowError.invalid("Invalid value '\(name.prefix(80))' for the status of a run.")
    case .integer(let number):
      if let status = RunStatus(rawValue: number) { return status }
      throw MLflowError.invalid("Invalid value \(number) for the status of a run.")
    default: throw MLflowError.invalid("The status of a run is a text such as FINISHED.")
    }
  }

  private func searchRuns(_ call: Call) async throws -> Reply {
    let limit = try call.parameters.count("max_results", in: 1...50_000, otherwise: 1000)
    let page = try await call.project.searchRuns(
      in: call.experimentNumbers(), SearchFilter(call.parameters.text("filter"), for: .runs),
      SearchOrder(call.parameters.texts("order_by"), for: .runs), stages: call.stages("run_view_type"),
      after: PageToken(call.parameters.text("page_token")), limit: limit)
    return .object { answer in
      if !page.records.isEmpty {
        answer.array("runs") { list in
          for run in page.records { list.object { $0.run(run, call.homes) } }
        }
      }
      if let next = page.next { answer.field("next_page_token", next.text) }
    }
  }

  private func datasetInput(_ input: Parameters) throws -> DatasetInput {
    let dataset = try input.object("dataset")
    return DatasetInput(
      dataset: Dataset(
        name: try dataset.requiredText("name"), digest: try dataset.requiredText("digest"),
        sourceType: try dataset.requiredText("source_type"), source: try dataset.requiredText("source"),
        schema: try dataset.text("schema"), profile: try dataset.text("profile")),
      tags: try input.pairs("tags"))
  }

  private func searchDatasets(_ call: Call) async throws -> Reply {
    let experiments = try call.experimentNumbers()
    guard !experiments.isEmpty else { throw call.parameters.missing("experiment_ids") }
    guard experiments.count <= 20 else {
      throw MLflowError.invalid("SearchDatasets request must contain no more than 20 experiment_ids.")
    }
    let summaries = try await call.project.datasets(of: experiments)
    return .object { answer in
      if summaries.isEmpty { return }
      answer.array("dataset_summaries") { list in
        for summary in summaries {
          list.object {
            $0.field("experiment_id", String(summary.experiment))
            $0.field("name", summary.name)
            $0.field("digest", summary.digest)
            if let context = summary.context { $0.field("context", context) }
          }
        }
      }
    }
  }
}

extension Call {
  fileprivate func answer(_ run: LoggedRun, isNew: Bool = false) -> Reply {
    .object { answer in answer.object("run") { $0.run(run, homes, isNew: isNew) } }
  }
}
