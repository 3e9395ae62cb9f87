import Tracker
import Wire

// The records as MLflow's messages. Empty lists and texts are left out where MLflow leaves them out.

extension JSONWriter {
  mutating func pairs(_ name: StaticString, _ pairs: [KeyValue]) {
    if pairs.isEmpty { return }
    array(name) { list in
      for pair in pairs {
        list.object {
          $0.field("key", pair.key)
          $0.field("value", pair.value)
        }
      }
    }
  }

  mutating func experiment(_ experiment: Experiment, _ homes: ArtifactHomes) {
    field("experiment_id", String(experiment.number))
    field("name", experiment.name)
    field("artifact_location", homes.address(of: experiment))
    field("lifecycle_stage", experiment.stage.name)
    field("last_update_time", experiment.updatedAt)
    field("creation_time", experiment.createdAt)
    pairs("tags", experiment.tags)
  }

  mutating func runInfo(_ run: Run, _ homes: ArtifactHomes) {
    field("run_uuid", run.identifier)
    field("experiment_id", String(run.experiment))
    field("run_name", run.name)
    field("user_id", run.user)
    field("status", run.status.name)
    field("start_time", run.startTime)
    if let endTime = run.endTime { field("end_time", endTime) }
    field("artifact_uri", homes.address(of: run))
    field("lifecycle_stage", run.stage.name)
    field("run_id", run.identifier)
  }

  mutating func run(_ logged: LoggedRun, _ homes: ArtifactHomes, isNew: Bool = false) {
    object("info") { $0.runInfo(logged.run, homes) }
    object("data") { data in
      if !logged.metrics.isEmpty {
        data.array("metrics") { list in
          for metric in logged.metrics { list.object { $0.metric(metric.key, metric.point) } }
        }
      }
      data.pairs("params", logged.parameters)
      data.pairs("tags", logged.tags)
    }
    object("inputs") { inputs in
      if !logged.inputs.isEmpty {
        inputs.array("dataset_inputs") { list in
          for input in logged.inputs { list.object { $0.datasetInput(input) } }
        }
      }
      if !logged.modelInputs.isEmpty {
        inputs.array("model_inputs") { list in
          for link in logged.modelInputs { list.object { $0.field("model_id", link.model) } }
        }
      }
    }
    // The answer that makes a run has no such field.
    if isNew { return }
    object("outputs") { outputs in
      if logged.modelOutputs.isEmpty { return }
      outputs.array("model_outputs") { list in
        for link in logged.modelOutputs {
          list.object {
            $0.field("model_id", link.model)
            $0.field("step", link.step)
          }
        }
      }
    }
  }

  mutating func metric(_ key: String, _ point: MetricPoint) {
    field("key", key)
    field("value", point.value)
    field("timestamp", point.timestamp)
    field("step", point.step)
  }

  private mutating func datasetInput(_ input: DatasetInput) {
    pairs("tags", input.tags)
    object("dataset") {
      $0.field("name", input.dataset.name)
      $0.field("digest", input.dataset.digest)
      $0.field("source_type", input.dataset.sourceType)
      $0.field("source", input.dataset.source)
      if !input.dataset.schema.isEmpty { $0.field("schema", input.dataset.schema) }
      if !input.dataset.profile.isEmpty { $0.field("profile", input.dataset.profile) }
    }
  }

  mutating func loggedModel(_ model: LoggedModel, _ homes: ArtifactHomes) {
    object("info") {
      $0.field("model_id", model.identifier)
      $0.field("experiment_id", String(model.experiment))
      $0.field("name", model.name)
      $0.field("creation_timestamp_ms", model.createdAt)
      $0.field("last_updated_timestamp_ms", model.updatedAt)
      $0.field("artifact_uri", homes.address(of: model))
      $0.field("status", model.status.wireName)
      $0.field("model_type", model.type)
      $0.field("source_run_id", model.sourceRun)
      $0.pairs("tags", model.tags)
    }
    object("data") { data in
      data.pairs("params", model.parameters)
      if model.metrics.isEmpty { return }
      data.array("metrics") { list in
        for metric in model.metrics {
          list.object {
            $0.metric(metric.key, metric.point)
            if !metric.datasetName.isEmpty { $0.field("dataset_name", metric.datasetName) }
            if !metric.datasetDigest.isEmpty { $0.field("dataset_digest", metric.datasetDigest) }
            $0.field("model_id", model.identifier)
            $0.field("run_id", metric.run)
          }
        }
      }
    }
  }
}

extension LifecycleStage {
  var name: String { self == .active ? "active" : "deleted" }
}
