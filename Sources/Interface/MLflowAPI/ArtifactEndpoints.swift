import API
import ArtifactFiles
import HTTPService
import Linux
import ModelRepository
import StorageAPI
import Tracker
import Wire

extension MLflowAPI {
  func addArtifactEndpoints(to endpoints: inout Endpoints) {
    endpoints.add("GET", path: "mlflow/artifacts/list") { call in
      let run = try await call.project.run(call.runIdentifier()).run
      return try await list(
        call.homes.place(of: run), try call.parameters.text("path"), root: call.homes.address(of: run))
    }
    endpoints.add("GET", path: "mlflow/logged-models/{model}/artifacts/directories") { call in
      let model = try await call.project.loggedModel(call.component("model"))
      return try await list(
        call.homes.place(of: model), try call.parameters.text("artifact_directory_path"),
        root: call.homes.address(of: model))
    }
    endpoints.add("GET", path: "mlflow/logged-models/{model}/artifacts/files") { call in
      let model = try await call.project.loggedModel(call.component("model"))
      return try await content(call.homes.place(of: model), try call.parameters.requiredText("artifact_file_path"))
    }
    endpoints.add("GET", path: "get-artifact") { call in
      let run = try await call.project.run(call.runIdentifier()).run
      return try await content(call.homes.place(of: run), try call.parameters.requiredText("path"))
    }
    // By MLflow's page; its client puts artifacts to the address below.
    endpoints.add("POST", path: "mlflow/upload-artifact") { call in
      let place = call.homes.place(of: try await call.project.run(call.runIdentifier()).run)
      let path = try call.parameters.requiredText("path")
      try check(path)
      try await makeVolume(place.volume)
      try await directory(place).write(Array("\(place.directory)/\(path)".utf8), call.request.body)
      return .done
    }
    endpoints.add("GET", path: "model-versions/get-artifact") { call in
      let version = try await models(call).version(call.versionNumber(), of: call.modelName())
      guard let path = version.path else {
        throw MLflowError.missing("The files of \(version.reference) are not in Cairn but at \(version.source).")
      }
      return try await content((path, ""), try call.parameters.requiredText("path"))
    }
    endpoints.add("GET", path: "mlflow-artifacts/artifacts") { call in
      let (place, path) = try await find(call.parameters.text("path"), call)
      return try await list(place, path, root: nil)
    }
    endpoints.add("GET", path: "mlflow-artifacts/artifacts/{artifact...}") { call in
      let (place, path) = try await find(call.component("artifact"), call)
      return try await content(place, path)
    }
    endpoints.add("PUT", path: "mlflow-artifacts/artifacts/{artifact...}") { call in
      let (place, path) = try await findWritable(call.component("artifact"), call)
      try await makeVolume(place.volume)
      try await directory(place).write(Array("\(place.directory)/\(path)".utf8), call.request.body)
      return .done
    }
    endpoints.add("DELETE", path: "mlflow-artifacts/artifacts/{artifact...}") { call in
      let (place, path) = try await findWritable(call.component("artifact"), call)
      let directory = directory(place)
      try await offPool { try directory.remove(Array(joined(place.directory, path).utf8)) }
      return .done
    }
  }

  typealias Place = (volume: String, directory: String)

  private func directory(_ place: Place) -> ArtifactDirectory { ArtifactDirectory(root: "\(mount)/\(place.volume)") }

  private func findWritable(_ address: String, _ call: Call) async throws -> (Place, String) {
    guard !address.hasPrefix(ArtifactHomes.registeredModels + "/") else {
      throw MLflowError(
        code: "PERMISSION_DENIED",
        message: "A model version never changes; register another one with what is to be new.")
    }
    return try await find(address, call)
  }

  /// The home of an address `<experiment>/<run>/artifacts/…` or `<experiment>/models/<model>/artifacts/…`, and the rest.
  private func find(_ address: String, _ call: Call) async throws -> (Place, String) {
    try check(address)
    let parts = address.split(separator: "/").map(String.init)
    if parts.first == ArtifactHomes.registeredModels { return try await findVersion(parts, call) }
    let isOfModel = parts.count >= 4 && parts[1] == "models" && parts[3] == "artifacts"
    guard isOfModel || (parts.count >= 3 && parts[2] == "artifacts") else {
      throw MLflowError.missing("There are no artifacts at '\(address.prefix(200))'.")
    }
    let place: Place
    if isOfModel {
      place = call.homes.place(of: try await call.project.loggedModel(parts[2]))
    } else {
      place = call.homes.place(of: try await call.project.run(parts[1]).run)
    }
    // The number of the experiment is in the address, but the run knows it: one that is wrong finds nothing.
    guard place.directory.hasSuffix(parts[..<(isOfModel ? 4 : 3)].joined(separator: "/")) else {
      throw MLflowError.missing("There are no artifacts at '\(address.prefix(200))'.")
    }
    return (place, parts.dropFirst(isOfModel ? 4 : 3).joined(separator: "/"))
  }

  /// The home of an address `registered-models/<directory>/<version>/…`, and the rest.
  private func findVersion(_ parts: [String], _ call: Call) async throws -> (Place, String) {
    let path = "models/" + parts.dropFirst().prefix(2).joined(separator: "/")
    guard parts.count >= 3, try await models(call).hasVersion(at: path) else {
      throw MLflowError.missing("There is no model version at '\(parts.joined(separator: "/").prefix(200))'.")
    }
    return ((path, ""), parts.dropFirst(3).joined(separator: "/"))
  }

  /// A path that leads upwards, however often it was encoded.
  private func check(_ path: String) throws {
    var path = path
    for _ in 0..<10 {
      if path.hasPrefix("/") || path.split(separator: "/").contains("..") || path.contains("\\") {
        throw MLflowError.invalid("Invalid path")
      }
      guard let decoded = percentDecoded(path), decoded != path else { return }
      path = decoded
    }
    throw MLflowError.invalid("Invalid path")
  }

  // MARK: Answers

  /// - Parameter root: nil: the names are relative to `path`, as MLflow's artifact service has it.
  private func list(_ place: Place, _ path: String, root: String?) async throws -> Reply {
    try check(path)
    let start = joined(place.directory, path)
    let directory = directory(place)
    var entries: [ArtifactEntry] = []
    do {
      entries = try await offPool { try directory.list(Array(start.utf8), recursive: false) }
    } catch let error as APIError where error.status == 404 {
      // Nothing was logged yet.
    }
    // A file has no entries; what is listed for it is itself.
    let isFile = entries.count == 1 && entries[0].path == start && entries[0].kind != .directory
    let above = root == nil ? start : place.directory
    return .object { answer in
      if let root { answer.field("root_uri", root) }
      if entries.isEmpty || isFile { return }
      answer.array("files") { list in
        for entry in entries where !entry.path.contains("/.cairn-upload-") {
          list.object {
            $0.field("path", String(entry.path.dropFirst(above.isEmpty ? 0 : above.count + 1)))
            $0.field("is_dir", entry.kind == .directory)
            if entry.kind == .file { $0.field("file_size", Int64(clamping: entry.size)) }
          }
        }
      }
    }
  }

  private func content(_ place: Place, _ path: String) async throws -> Reply {
    try check(path)
    let directory = directory(place)
    let file = try await offPool { try directory.open(Array(joined(place.directory, path).utf8)) }
    var reply = Reply.stream(contentType: mediaType(of: path), file.pieces(0..<file.size))
    let name = path.split(separator: "/").last.map(String.init) ?? "artifact"
    reply.headers.append(("Content-Disposition", "attachment; filename=\(quoted(name))"))
    reply.headers.append(("X-Content-Type-Options", "nosniff"))
    return reply
  }

  /// Makes the volume of what is logged outside of jobs; a job's own is there.
  private func makeVolume(_ path: String) async throws {
    if try await storage.volume(path: path) != nil { return }
    do {
      _ = try await storage.createVolume(NewVolume(kind: .artifact, path: path, mode: 0o777))
    } catch let error as APIError where error.status == 409 {
      // Another request was first.
    }
  }
}

private func joined(_ directory: String, _ path: String) -> String {
  directory.isEmpty ? path : path.isEmpty ? directory : "\(directory)/\(path)"
}

private func quoted(_ name: String) -> String {
  "\"" + name.map { $0 == "\"" || $0 == "\\" ? "_" : String($0) }.joined() + "\""
}

/// nil where there is nothing to undo.
func percentDecoded(_ text: String) -> String? {
  guard text.utf8.contains(UInt8(ascii: "%")) else { return nil }
  var bytes: [UInt8] = []
  var rest = Array(text.utf8)[...]
  while let byte = rest.popFirst() {
    if byte == UInt8(ascii: "%"), rest.count >= 2,
      let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
    {
      bytes.append(value)
      rest = rest.dropFirst(2)
    } else {
      bytes.append(byte)
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// What the client shows as what: the web page draws images and reads text, and everything else is only downloaded.
private func mediaType(of path: String) -> String {
  let types = [
    "txt": "text/plain", "log": "text/plain", "md": "text/plain", "yaml": "text/plain", "yml": "text/plain",
    "py": "text/plain", "csv": "text/csv", "json": "application/json", "png": "image/png", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "svg": "image/svg+xml", "html": "text/html",
    "pdf": "application/pdf",
  ]
  let name = path.split(separator: "/").last ?? ""
  guard let dot = name.lastIndex(of: ".") else { return name == "MLmodel" ? "text/plain" : "application/octet-stream" }
  return types[name[name.index(after: dot)...].lowercased()] ?? "application/octet-stream"
}
