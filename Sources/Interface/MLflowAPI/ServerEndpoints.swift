import HTTPService
import Wire

extension MLflowAPI {
  /// The version of MLflow whose protocol this is, to which clients compare their own.
  private static let protocolVersion = "3.17.2"

  func addServerEndpoints(to endpoints: inout Endpoints) {
    endpoints.add("GET", path: "version") { _ in .text(Self.protocolVersion) }
    endpoints.add("GET", path: "health") { _ in .text("OK") }
    endpoints.add("GET", path: "mlflow/server-info") { _ in
      .object { answer in
        // What the client takes a server for that can all of the API.
        answer.field("store_type", "SqlStore")
        let features: [StaticString] = [
          "workspaces_enabled", "trace_archival_enabled", "multipart_uploads_enabled", "multipart_downloads_enabled",
          "presigned_upload_run_id_supported", "presigned_upload_model_id_supported",
        ]
        for feature in features { answer.field(feature, false) }
        answer.object("features_enabled") { $0.field("gateway", false) }
      }
    }
    for path in [
      "mlflow/artifacts/presigned-upload-url", "mlflow/artifacts/presigned-download-url",
      "mlflow-artifacts/mpu/create/{path...}", "mlflow-artifacts/mpu/complete/{path...}",
      "mlflow-artifacts/mpu/abort/{path...}", "mlflow-artifacts/presigned/{path...}",
    ] {
      endpoints.add("GET", "POST", path: path) { _ in
        throw MLflowError(
          code: "NOT_IMPLEMENTED",
          message: "Artifacts go to this server itself, whatever their size: PUT /api/2.0/mlflow-artifacts/artifacts/…")
      }
    }
  }
}
