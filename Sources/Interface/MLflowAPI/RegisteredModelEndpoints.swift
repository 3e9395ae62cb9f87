import HTTPService
import ModelRepository
import Tracker
import Wire

// MLflow's registry: the other door to the records of `cairn model`.
extension MLflowAPI {
  func addRegisteredModelEndpoints(to endpoints: inout Endpoints) {
    let base = "mlflow/registered-models/"
    endpoints.add("POST", path: base + "create") { call in
      call.answer(
        try await models(call).createModel(
          call.modelName(), description: call.parameters.optionalText("description"),
          tags: call.parameters.pairs("tags")))
    }
    endpoints.add("GET", path: base + "get") { call in
      call.answer(try await models(call).model(call.modelName()))
    }
    endpoints.add("GET", path: base + "search", searchModels)
    endpoints.add("PATCH", path: base + "update") { call in
      call.answer(
        try await models(call).updateModel(
          call.modelName(), description: call.parameters.optionalText("description")))
    }
    endpoints.add("POST", path: base + "rename") { call in
      call.answer(try await models(call).renameModel(call.modelName(), to: call.parameters.text("new_name")))
    }
    endpoints.add("DELETE", path: base + "delete") { call in
      _ = try await models(call).removeModel(call.modelName())
      return .done
    }
    endpoints.add("GET", "POST", path: base + "get-latest-versions") { call in
      let found = try await models(call).latestVersions(of: call.modelName(), stages: call.parameters.texts("stages"))
      return .object { answer in
        if found.isEmpty { return }
        answer.array("model_versions") { list in for version in found { list.object { $0.version(version) } } }
      }
    }
    endpoints.add("POST", path: base + "set-tag") { call in
      try await models(call).setTag(call.tag(), of: call.modelName())
      return .done
    }
    endpoints.add("DELETE", path: base + "delete-tag") { call in
      try await models(call).deleteTag(call.parameters.requiredText("key"), of: call.modelName())
      return .done
    }
    endpoints.add("POST", path: base + "alias") { call in
      try await models(call).setAlias(
        call.parameters.requiredText("alias"), of: call.modelName(), to: call.versionNumber())
      return .done
    }
    endpoints.add("DELETE", path: base + "alias") { call in
      try await models(call).deleteAlias(call.parameters.requiredText("alias"), of: call.modelName())
      return .done
    }
    endpoints.add("GET", path: base + "alias") { call in
      call.answer(
        try await models(call).version(alias: call.parameters.requiredText("alias"), of: call.modelName()))
    }
  }

  func models(_ call: Call) -> ProjectModels { models.project(call.project.project) }

  private func searchModels(_ call: Call) async throws -> Reply {
    let limit = try call.parameters.count("max_results", in: 1...1000, otherwise: 100)
    let page = try await models.searchModels(
      in: call.project.project, SearchFilter(call.parameters.text("filter"), for: .registeredModels),
      SearchOrder(call.parameters.texts("order_by"), for: .registeredModels),
      after: PageToken(call.parameters.text("page_token")), limit: limit)
    return .object { answer in
      if !page.records.isEmpty {
        answer.array("registered_models") { list in
          for model in page.records { list.object { $0.model(model) } }
        }
      }
      if let next = page.next { answer.field("next_page_token", next.text) }
    }
  }
}

extension Call {
  func modelName() throws -> String { try parameters.requiredText("name") }

  /// Versions are numbers in texts, or just numbers.
  func versionNumber() throws -> Int64 {
    switch try parameters.value("version") {
    case nil: throw parameters.missing("version")
    case .integer(let number): return number
    case .string(let text):
      if let number = Int64(text) { return number }
      if text.isEmpty { throw parameters.missing("version") }
      throw MLflowError.invalid("Parameter 'version' must be an integer, got '\(text.prefix(80))'.")
    default: throw MLflowError.invalid("Parameter 'version' must be an integer.")
    }
  }

  func tag() throws -> KeyValue {
    KeyValue(try parameters.requiredText("key"), try parameters.text("value"))
  }

  func answer(_ model: RegisteredModel) -> Reply {
    .object { answer in answer.object("registered_model") { $0.model(model) } }
  }

  func answer(_ version: ModelVersion) -> Reply {
    .object { answer in answer.object("model_version") { $0.version(version) } }
  }
}

extension JSONWriter {
  mutating func model(_ model: RegisteredModel) {
    field("name", model.name)
    field("creation_timestamp", model.createdAt)
    field("last_updated_timestamp", model.updatedAt)
    if let user = model.user { field("user_id", user) }
    if let description = model.description, !description.isEmpty { field("description", description) }
    if !model.latestVersions.isEmpty {
      array("latest_versions") { list in
        for version in model.latestVersions { list.object { $0.version(version, withAliases: false) } }
      }
    }
    pairs("tags", model.tags)
    if model.aliases.isEmpty { return }
    array("aliases") { list in
      for alias in model.aliases {
        list.object {
          $0.field("alias", alias.alias)
          $0.field("version", String(alias.version))
        }
      }
    }
  }

  /// - Parameter withAliases: whether its aliases are told; MLflow doesn't where there may be many versions.
  mutating func version(_ version: ModelVersion, withAliases: Bool = true) {
    field("name", version.name)
    field("version", String(version.number))
    field("creation_timestamp", version.createdAt)
    field("last_updated_timestamp", version.updatedAt)
    if let user = version.user { field("user_id", user) }
    field("current_stage", version.stage.rawValue)
    field("description", version.description ?? "")
    field("source", version.source)
    field("run_id", version.runID ?? "")
    field("status", version.status.rawValue)
    if let message = version.statusMessage { field("status_message", message) }
    pairs("tags", version.tags)
    field("run_link", version.runLink ?? "")
    if withAliases, !version.aliases.isEmpty { array("aliases") { for alias in version.aliases { $0.value(alias) } } }
  }
}
