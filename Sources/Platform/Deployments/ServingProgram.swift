import FoundationEssentials
import Glibc

/// The program that serves the common kinds of models: `serve.py`, which the replica gets mounted.
public enum ServingProgram {
  /// The kinds that it serves.
  public enum Runtime: String, Codable, CaseIterable, Sendable {
    case onnx, sklearn, mlflow
  }

  /// Where a replica finds it.
  static let mountPoint = "/opt/cairn/serving"

  /// What a replica runs for this kind of model.
  public static func command(_ runtime: Runtime) -> [String] {
    switch runtime {
    case .onnx, .sklearn: ["python3", "\(mountPoint)/serve.py", runtime.rawValue]
    // MLflow brings a server of its own, which knows every flavour of its models.
    case .mlflow:
      [
        "/bin/sh", "-c",
        #"exec mlflow models serve --model-uri "$CAIRN_MODEL_PATH" --host "$HOST" --port "$PORT" --env-manager local"#,
      ]
    }
  }

  /// What it speaks.
  public static func interface(_ runtime: Runtime) -> DeploymentSpecification.Interface {
    runtime == .mlflow ? .mlflow : .oip
  }

  static func isPart(_ word: String) -> Bool { word.hasPrefix(mountPoint + "/") }

  /// Where it is on the host: as `make install` puts it beside the daemon's own files, or in the source tree that the
  /// daemon was built in. nil: nowhere.
  public static func directory() -> String? {
    guard let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
    var candidates = ["\(parent(parent(own)))/share/cairn/serving"]
    var directory = parent(own)
    while directory.count > 1 {
      candidates.append("\(directory)/examples/serving")
      directory = parent(directory)
    }
    return candidates.first { access($0 + "/serve.py", R_OK) == 0 }
  }

  private static func parent(_ path: String) -> String {
    String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }
}
