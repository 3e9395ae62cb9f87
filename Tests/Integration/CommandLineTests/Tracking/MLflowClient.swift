import Foundation

/// Scripts that use MLflow's own client, run by the versions of it that `scripts/install-test-clients` installs.
enum MLflowClient {
  static let directory = ProcessInfo.processInfo.environment["CAIRN_TEST_CLIENTS"] ?? "/var/cache/cairn-tests"

  static func python(_ version: String) -> String { "\(directory)/\(version)/bin/python" }

  static func script(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("MLflowClients/\(name).py").path
  }

  /// What a script printed, and what it said to the server and was told.
  static func run(_ name: String, _ version: String, uri: String, token: String? = nil) throws -> (
    output: String, exchanges: String
  ) {
    let record = NSTemporaryDirectory() + "/cairn-exchanges.\(UUID().uuidString).json"
    defer { try? FileManager.default.removeItem(atPath: record) }
    var environment = [
      "PATH": "/usr/bin:/bin", "HOME": NSTemporaryDirectory(), "MLFLOW_DISABLE_TELEMETRY": "true",
      "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "PYTHONDONTWRITEBYTECODE": "1",
      // A server that fails is asked again for minutes otherwise.
      "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    ]
    environment["MLFLOW_TRACKING_TOKEN"] = token
    let outcome = try RunningCommand(
      program: python(version), arguments: [script(name), uri, record], directory: NSTemporaryDirectory(),
      environment: environment
    ).finish()
    guard outcome.code == 0 else {
      throw CairnInstance.Problem(description: "\(name) by \(version) at \(uri): \(outcome)")
    }
    // Older clients print where a run is to be seen, whatever they are told.
    let lines = outcome.output.split(separator: "\n").filter { !$0.contains("View ") }
    return (lines.joined(separator: "\n"), try String(contentsOfFile: record, encoding: .utf8))
  }
}

/// A real `mlflow server` on SQLite, for as long as the closure runs.
func withMLflowServer(_ body: (_ uri: String) throws -> Void) throws {
  let directory = NSTemporaryDirectory() + "/cairn-mlflow." + UUID().uuidString
  try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: directory) }
  let port = try CairnInstance.freePort()
  let server = Process()
  server.executableURL = URL(fileURLWithPath: "\(MLflowClient.directory)/mlflow-server/bin/mlflow")
  server.arguments = [
    "server", "--host", "127.0.0.1", "--port", "\(port)",
    "--backend-store-uri", "sqlite:///\(directory)/mlflow.db", "--artifacts-destination", "\(directory)/artifacts",
    "--workers", "1",
  ]
  server.environment = ["PATH": "/usr/bin:/bin", "HOME": directory, "MLFLOW_DISABLE_TELEMETRY": "true"]
  let log = directory + "/log"
  _ = FileManager.default.createFile(atPath: log, contents: nil)
  server.standardOutput = FileHandle(forWritingAtPath: log)
  server.standardError = server.standardOutput
  try server.run()
  // It leads a group, as all do that Process starts, in which its workers are.
  defer {
    kill(-server.processIdentifier, SIGKILL)
    server.waitUntilExit()
  }
  let deadline = Date().addingTimeInterval(120)
  while (try? HTTPExchange(port: port).get("/health").status) != 200 {
    guard Date() < deadline, server.isRunning else {
      throw CairnInstance.Problem(
        description: (try? String(contentsOfFile: log, encoding: .utf8)) ?? "no mlflow server")
    }
    usleep(200_000)
  }
  try body("http://127.0.0.1:\(port)")
}
