import HTTPService
import Tracker
import Wire

extension MLflowAPI {
  func addLoggedModelEndpoints(to endpoints: inout Endpoints) {
    endpoints.add("POST", path: "mlflow/logged-models") { call in
      let new = NewLoggedModel(
        experiment: try call.experimentNumber(), name: try call.parameters.optionalText("name"),
        type: try call.parameters.text("model_type"), sourceRun: try call.parameters.text("source_run_id"),
        parameters: try call.parameters.pairs("params"), tags: try call.parameters.pairs("tags"),
        job: call.caller.attempt?.job)
      return call.answer(try await call.project.createLoggedModel(new))
    }
    endpoints.add("POST", path: "mlflow/logged-models/search", searchLoggedModels)
    endpoints.add("GET", path: "mlflow/logged-models/{model}") { call in
      call.answer(try await call.project.loggedModel(call.component("model")))
    }
    endpoints.add("PATCH", path: "mlflow/logged-models/{model}") { call in
      call.answer(try await call.project.setStatus(try modelStatus(call), ofModel: call.component("model")))
    }
    endpoints.add("DELETE", path: "mlflow/logged-models/{model}") { call in
      try await call.project.deleteLoggedModel(call.component("model"))
      return .done
    }
    endpoints.add("PATCH", path: "mlflow/logged-models/{model}/tags") { call in
      try await call.project.setTags(call.parameters.pairs("tags"), ofModel: call.component("model"))
      return .done
    }
    endpoints.add("DELETE", path: "mlflow/logged-models/{model}/tags/{key}") { call in
      try await call.project.deleteTag(call.component("key"), ofModel: call.component("model"))
      return .done
    }
    endpoints.add("POST", path: "mlflow/logged-models/{model}/params") { call in
      try await call.project.addParameters(call.parameters.pairs("params"), toModel: call.component("model"))
      return .done
    }
  }

  private func modelStatus(_ call: Call) throws -> LoggedModelStatus {
    switch try call.parameters.value("status") {
    case .string(let name)?:
      if let status = LoggedModelStatus(wireName: name) { return status }
    case .integer(let number)?:
      if let status = LoggedModelStatus(rawValue: number) { return status }
    default: throw call.parameters.missing("status")
    }
    throw MLflowError.invalid("The status of a logged model is a text such as LOGGED_MODEL_READY.")
  }

  private func searchLoggedModels(_ call: Call) async throws -> Reply {
    let limit = try call.parameters.count("max_results", in: 1...50_000, otherwise: 50)
    let orders = try call.parameters.objects("order_by").map { order in
      try order.requiredText("field_name") + (order.value("ascending") == .bool(false) ? " DESC" : " ASC")
    }
    let datasets = try call.parameters.objects("datasets").map { dataset in
      (name: try dataset.requiredText("dataset_name"), digest: try dataset.optionalText("dataset_digest"))
    }
    let page = try await call.project.searchLoggedModels(
      in: call.experimentNumbers(), SearchFilter(call.parameters.text("filter"), for: .loggedModels),
      SearchOrder(orders, for: .loggedModels), datasets: datasets,
      after: PageToken(call.parameters.text("page_token")), limit: limit)
    return .object { answer in
      if !page.records.isEmpty {
        answer.array("models") { list in
          for model in page.records { list.object { $0.loggedModel(model, call.homes) } }
        }
      }
      if let next = page.next { answer.field("next_page_token", next.text) }
    }
  }
}

extension Call {
  fileprivate func answer(_ model: LoggedModel) -> Reply {
    .object { answer in answer.object("model") { $0.loggedModel(model, homes) } }
  }
}
