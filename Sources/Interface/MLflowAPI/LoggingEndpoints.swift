import HTTPService
import Tracker
import Wire

extension MLflowAPI {
  func addLoggingEndpoints(to endpoints: inout Endpoints) {
    endpoints.add("POST", path: "mlflow/runs/log-metric") { call in
      let metric = try metric(call.parameters)
      try await call.project.log(LogBatch(metrics: [metric]), to: call.runIdentifier())
      return .done
    }
    endpoints.add("POST", path: "mlflow/runs/log-batch", logBatch)
    endpoints.add("POST", path: "mlflow/runs/log-parameter") { call in
      let parameter = KeyValue(try call.parameters.requiredText("key"), try call.parameters.text("value"))
      try await call.project.log(LogBatch(parameters: [parameter]), to: call.runIdentifier())
      return .done
    }
    endpoints.add("POST", path: "mlflow/runs/set-tag") { call in
      let tag = KeyValue(try call.parameters.requiredText("key"), try call.parameters.text("value"))
      try await call.project.log(LogBatch(tags: [tag]), to: call.runIdentifier())
      return .done
    }
    endpoints.add("POST", path: "mlflow/runs/delete-tag") { call in
      try await call.project.deleteTag(call.parameters.requiredText("key"), of: call.runIdentifier())
      return .done
    }
    endpoints.add("POST", path: "mlflow/runs/log-model", logModel)
  }

  private func metric(_ fields: Parameters) throws -> LoggedMetric {
    let key = try fields.requiredText("key")
    let value = try fields.requiredDouble("value")
    let timestamp = try fields.requiredInteger("timestamp")
    guard timestamp >= 0 else {
      throw MLflowError.invalid("The timestamp of metric '\(key)' is \(timestamp): it is milliseconds since 1970.")
    }
    return LoggedMetric(
      key: key, point: MetricPoint(step: try fields.integer("step") ?? 0, timestamp: timestamp, value: value),
      model: try fields.optionalText("model_id").flatMap { $0.isEmpty ? nil : $0 },
      datasetName: try fields.optionalText("dataset_name"), datasetDigest: try fields.optionalText("dataset_digest"))
  }

  private func logBatch(_ call: Call) async throws -> Reply {
    let run = try call.runIdentifier()
    let batch = LogBatch(
      metrics: try call.parameters.objects("metrics").map(metric), parameters: try call.parameters.pairs("params"),
      tags: try call.parameters.pairs("tags"))
    for (what, count, most) in [
      ("metrics", batch.metrics.count, Limits.batchMetrics), ("params", batch.parameters.count, Limits.batchParameters),
      ("tags", batch.tags.count, Limits.batchTags),
      ("metrics, params, and tags", batch.metrics.count + batch.parameters.count + batch.tags.count, Limits.batchTotal),
    ] where count > most {
      throw MLflowError.invalid(
        "A batch logging request can contain at most \(most) \(what). Got \(count) \(what). Please split up \(what) "
          + "across multiple requests and try again.")
    }
    try await call.project.log(batch, to: run)
    return .done
  }

  /// What clients before 3.0 tell of a model: an entry of the tag `mlflow.log-model.history`.
  private func logModel(_ call: Call) async throws -> Reply {
    let run = try call.runIdentifier()
    try await call.project.addToHistory(ofModels: call.parameters.requiredText("model_json"), of: run)
    return .done
  }
}
