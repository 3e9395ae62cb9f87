import FoundationEssentials
import HTTPService
import ModelRepository
import Tracker
import Wire

extension MLflowAPI {
  /// How long a request waits for a new version's files. Clients ask again for a version that is pending by then.
  private static let patience = Duration.seconds(20)

  func addModelVersionEndpoints(to endpoints: inout Endpoints) {
    let base = "mlflow/model-versions/"
    endpoints.add("POST", path: base + "create", createVersion)
    endpoints.add("GET", path: base + "get") { call in
      call.answer(try await models(call).version(call.versionNumber(), of: call.modelName()))
    }
    endpoints.add("GET", path: base + "search", searchVersions)
    endpoints.add("PATCH", path: base + "update") { call in
      call.answer(
        try await models(call).updateVersion(
          call.versionNumber(), of: call.modelName(), description: call.parameters.optionalText("description")))
    }
    endpoints.add("POST", path: base + "transition-stage") { call in
      call.answer(
        try await models(call).moveVersion(
          call.versionNumber(), of: call.modelName(),
          to: ModelStage(named: call.parameters.requiredText("stage")),
          archivingOthers: call.parameters.flag("archive_existing_versions")))
    }
    endpoints.add("DELETE", path: base + "delete") { call in
      _ = try await models(call).removeVersion(call.versionNumber(), of: call.modelName())
      return .done
    }
    endpoints.add("GET", path: base + "get-download-uri") { call in
      let version = try await models(call).version(call.versionNumber(), of: call.modelName())
      return .object { $0.field("artifact_uri", ArtifactHomes.address(of: version)) }
    }
    endpoints.add("POST", path: base + "set-tag") { call in
      try await models(call).setTag(call.tag(), ofVersion: call.versionNumber(), of: call.modelName())
      return .done
    }
    endpoints.add("DELETE", path: base + "delete-tag") { call in
      try await models(call).deleteTag(
        call.parameters.requiredText("key"), ofVersion: call.versionNumber(), of: call.modelName())
      return .done
    }
  }

  private func searchVersions(_ call: Call) async throws -> Reply {
    let limit = try call.parameters.count("max_results", in: 1...200_000, otherwise: 200_000)
    let page = try await models.searchVersions(
      in: call.project.project, SearchFilter(call.parameters.text("filter"), for: .modelVersions),
      SearchOrder(call.parameters.texts("order_by"), for: .modelVersions),
      after: PageToken(call.parameters.text("page_token")), limit: limit)
    return .object { answer in
      if !page.records.isEmpty {
        answer.array("model_versions") { list in
          for version in page.records { list.object { $0.version(version, withAliases: false) } }
        }
      }
      if let next = page.next { answer.field("next_page_token", next.text) }
    }
  }

  private func createVersion(_ call: Call) async throws -> Reply {
    let name = try call.modelName()
    var new = NewModelVersion(
      source: try call.parameters.requiredText("source"), content: .elsewhere,
      runID: try call.parameters.filledText("run_id"), runLink: try call.parameters.filledText("run_link"),
      modelID: try call.parameters.filledText("model_id"),
      description: try call.parameters.optionalText("description"), tags: try call.parameters.pairs("tags"))
    try await resolveSource(of: &new, call)
    let pending = try await models(call).beginVersion(of: name, new)
    if let model = new.modelID { try await note(pending, onLoggedModel: model, call) }
    return call.answer(try await finished(pending, call))
  }

  /// The version when it has its files, or as it is when nobody should wait any longer. That it could not be made is
  /// told by its status, as clients expect it.
  private func finished(_ pending: ModelVersion, _ call: Call) async throws -> ModelVersion {
    // In a task of its own, which goes on when the request is answered, or given up.
    let work = Task { _ = try? await models.finish(pending) }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await work.value }
      group.addTask { try? await Task.sleep(for: Self.patience) }
      await group.next()
      // Only this waiting: the task itself is not of the group.
      group.cancelAll()
    }
    return try await models(call).version(pending.number, of: pending.name)
  }

  /// Tells the logged model of which a version is made, as MLflow's server does: a tag with a list.
  private func note(_ version: ModelVersion, onLoggedModel model: String, _ call: Call) async throws {
    let key = "mlflow.modelVersions"
    let before = try await call.project.loggedModel(model).tags.last { $0.key == key }?.value ?? "[]"
    guard case .array(var versions)? = try? JSONValue(parsing: Array(before.utf8)) else { return }
    var entry = JSONObject()
    entry.append("name", .string(version.name))
    entry.append("version", .integer(version.number))
    versions.append(.object(entry))
    var writer = JSONWriter()
    writer.value(.array(versions))
    try await call.project.setTags(
      [KeyValue(key, String(decoding: writer.bytes, as: UTF8.self))], ofModel: model)
  }
}

extension Parameters {
  /// nil also for an empty text, which clients send for what they don't have.
  fileprivate func filledText(_ name: String) throws -> String? {
    try optionalText(name).flatMap { $0.isEmpty ? nil : $0 }
  }
}
