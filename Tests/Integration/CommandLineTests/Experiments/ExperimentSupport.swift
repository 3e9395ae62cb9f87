import Foundation

extension CairnInstance {
  /// Copies an example into the project's directory.
  func copy(example name: String) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let source = root.appendingPathComponent("examples/\(name)").path
    for file in try FileManager.default.contentsOfDirectory(atPath: source) {
      let destination = "\(directory)/project/\(file)"
      if FileManager.default.fileExists(atPath: destination) { try FileManager.default.removeItem(atPath: destination) }
      try FileManager.default.copyItem(atPath: "\(source)/\(file)", toPath: destination)
    }
  }

  /// An experiment as `cairn experiment show --json` has it.
  func experiment(_ reference: String) throws -> [String: Any] { try json("experiment", "show", reference) }

  func experimentState(_ reference: String) throws -> String? {
    (try experiment(reference)["experiment"] as? [String: Any])?["state"] as? String
  }

  func trials(_ reference: String) throws -> [[String: Any]] {
    try experiment(reference)["trials"] as? [[String: Any]] ?? []
  }

  /// What the searcher was told and decided, one JSON text an entry.
  func searchLog(_ reference: String) throws -> [String] {
    let answer = try call("GET", "/v1/experiments/\(reference)/log", "")
    let entries = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [Any] ?? []
    return try entries.map {
      String(decoding: try JSONSerialization.data(withJSONObject: $0, options: .sortedKeys), as: UTF8.self)
    }
  }

  func killControlDaemon() throws {
    guard let daemon = try json("system", "info")["pid"] as? Int32 else { throw Problem(description: "no pid") }
    kill(daemon, SIGKILL)
    try eventually("cairnd is back") {
      (try? json("system", "info")).map { $0["pid"] as? Int32 != daemon } ?? false
    }
  }
}
