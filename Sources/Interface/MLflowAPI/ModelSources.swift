import ArtifactFiles
import Linux
import ModelRepository
import Tracker
import Wire

// What the `source` of a new model version means: which files of Cairn's, if any. Whoever names a source is given what is
// there, so none may lead to what its sender could not read otherwise.
extension MLflowAPI {
  /// Finds the files that a version is to be made of, and the run and the model that they come from.
  /// - Throws: ``MLflowError`` for a source that leads out of where it may lead.
  func resolveSource(of new: inout NewModelVersion, _ call: Call) async throws {
    // A prompt is all in its tags.
    if new.tags.contains(where: { $0.key == "mlflow.prompt.is_prompt" && $0.value.lowercased() == "true" }) { return }
    let source = new.source
    try checkSource(source)
    let parts = source.split(separator: ":", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw MLflowError.local(source) }
    let path = parts[1].split(separator: "/").map(String.init)
    switch parts[0].lowercased() {
    case "models": try await resolveModel(path, &new, call)
    case "runs":
      guard let run = path.first, run == new.runID else { throw MLflowError.source(source, "run_id") }
      let found = try await call.project.run(run).run
      new.lineage.job = found.job
      try await setContent(call.homes.place(of: found), path.dropFirst(), &new)
    case "mlflow-artifacts": try await resolveArtifact(path, &new, call)
    case "file": try await resolveFile(path, &new, call)
    default:
      // Files that others keep. One letter is a drive of Windows, so a path of the client's own.
      guard parts[0].count > 1 else { throw MLflowError.local(source) }
    }
    if new.runID == nil, let model = new.modelID {
      let run = try await call.project.loggedModel(model).sourceRun
      new.runID = run.isEmpty ? nil : run
    }
  }

  /// `models:/m-…`, a logged model; `models:/name/3` and `models:/name@alias`, a version that is copied.
  private func resolveModel(_ path: [String], _ new: inout NewModelVersion, _ call: Call) async throws {
    guard let first = path.first else { throw MLflowError.source(new.source, "model_id") }
    if path.count == 1, first.hasPrefix("m-"), !first.contains("@") {
      guard new.modelID == nil || new.modelID == first else { throw MLflowError.source(new.source, "model_id") }
      new.modelID = first
      let model = try await call.project.loggedModel(first)
      new.lineage.job = model.job
      return try await setContent(call.homes.place(of: model), [], &new)
    }
    let name: String
    let reference: String
    if path.count == 1, let at = first.lastIndex(of: "@") {
      (name, reference) = (String(first[..<at]), String(first[first.index(after: at)...]))
    } else {
      guard path.count == 2 else { throw MLflowError.source(new.source, "model_id") }
      (name, reference) = (first, path[1])
    }
    let copied = try await models(call).version(named: reference, of: name)
    new.lineage.parent = copied.reference
    if new.runID == nil { new.runID = copied.runID }
    if let path = copied.path { new.content = .path(path) }
  }

  /// An address of our own artifacts.
  private func resolveArtifact(_ path: [String], _ new: inout NewModelVersion, _ call: Call) async throws {
    if path.count >= 4, path[1] == "models", path[3] == "artifacts" {
      guard new.modelID == nil || new.modelID == path[2] else { throw MLflowError.source(new.source, "model_id") }
      let model = try await call.project.loggedModel(path[2])
      new.lineage.job = model.job
      return try await setContent(call.homes.place(of: model), path.dropFirst(4), &new)
    }
    guard path.count >= 3, path[2] == "artifacts", new.runID == nil || new.runID == path[1] else {
      throw MLflowError.source(new.source, "run_id")
    }
    let run = try await call.project.run(path[1]).run
    new.lineage.job = run.job
    try await setContent(call.homes.place(of: run), path.dropFirst(3), &new)
  }

  /// A path in a container of ours, which only a job can name: of its own artifacts.
  private func resolveFile(_ path: [String], _ new: inout NewModelVersion, _ call: Call) async throws {
    guard let job = call.caller.attempt?.job, path.first == "artifacts" else { throw MLflowError.local(new.source) }
    new.lineage.job = job
    try await setContent(("artifacts/\(call.project.project)/\(job)", ""), path.dropFirst(), &new)
  }

  /// MLflow lets a version be made of what is not there, or not yet; then only the record is.
  private func setContent(_ place: Place, _ rest: some Sequence<String>, _ new: inout NewModelVersion) async throws {
    let path = ([place.directory] + rest).filter { !$0.isEmpty }.joined(separator: "/")
    let directory = ArtifactDirectory(root: "\(mount)/\(place.volume)")
    do {
      _ = try await offPool { try directory.list(Array(path.utf8), recursive: false) }
    } catch let error as APIError where error.status == 404 {
      return
    }
    new.content = .path(path.isEmpty ? place.volume : "\(place.volume)/\(path)")
  }

  /// Refuses what leads upwards, however often it was encoded, and what ends early for whoever reads it in C.
  private func checkSource(_ source: String) throws {
    var text = source
    for _ in 0..<10 {
      let parts = text.split { "/\\?#".contains($0) }
      if parts.contains("..") || text.utf8.contains(0) { throw MLflowError.source(source, nil) }
      guard let decoded = percentDecoded(text), decoded != text else { return }
      text = decoded
    }
    throw MLflowError.source(source, nil)
  }
}

extension MLflowError {
  /// - Parameter field: the parameter that the source contradicts.
  fileprivate static func source(_ source: String, _ field: String?) -> MLflowError {
    let why =
      field.map { " It must be of the \($0 == "run_id" ? "run" : "logged model") that \($0) names." }
      ?? " It must not lead upwards."
    return .invalid("Invalid model version source: '\(source.prefix(500))'.\(why)")
  }

  fileprivate static func local(_ source: String) -> MLflowError {
    .invalid(
      "Invalid model version source: '\(source.prefix(500))'. To use a local path as a model version source, the run_id "
        + "request parameter has to be specified and the local path has to be contained within the artifact directory of "
        + "the run specified by the run_id.")
  }
}
