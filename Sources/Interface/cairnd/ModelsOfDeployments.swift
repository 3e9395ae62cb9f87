import ControlDatabase
import Deployments
import ModelRepository
import StorageAPI
import Tracker

/// The versions of the model repository, as deployments need them.
struct ModelsOfDeployments: ModelDirectories {
  let models: ModelRepository
  let storage: StorageClient
  /// The host's path of Cairn's mount.
  let mount: String

  func take(_ reference: String, for deployment: String) async throws -> Deployments.ModelDirectory {
    let version = try await find(reference)
    guard let path = version.path, let directory = path.split(separator: "/").dropLast().last else {
      throw ControlError(
        .conflict, subject: reference,
        "the files of \(version.reference) are not in Cairn but at \(version.source); register them here first")
    }
    do {
      try await models.use(version, by: .deployment, deployment)
    } catch let error as TrackerError {
      throw ControlError(.conflict, subject: reference, error.message)
    }
    return Deployments.ModelDirectory(
      name: String(directory), version: String(version.number), path: "\(mount)/\(path)",
      snapshot: try await storage.volume(path: path)?.id)
  }

  func giveBack(_ deployment: String) async throws { try await models.release(.deployment, deployment) }

  /// - Parameter reference: `NAME:VERSION`, where VERSION is a number, an alias, a stage or `latest`; with `PROJECT/` before
  ///   it where several projects have a model of the name.
  private func find(_ reference: String) async throws -> ModelVersion {
    let parts = reference.split(separator: "/", maxSplits: 1).map(String.init)
    let words = (parts.last ?? "").split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard words.count == 2, words.allSatisfy({ !$0.isEmpty }), let name = words.first, let version = words.last else {
      throw ControlError(
        .invalid, subject: reference, "\"\(reference)\" is no model version; write NAME:VERSION or NAME:ALIAS")
    }
    var projects = try await models.projects(with: name)
    if parts.count == 2 { projects = projects.filter { $0 == parts[0] } }
    guard let project = projects.first else {
      throw ControlError(
        .notFound, subject: reference, "there is no model \(name); cairn model ls shows those there are")
    }
    guard projects.count == 1 else {
      throw ControlError(
        .ambiguous, subject: reference,
        "several projects have a model \(name): \(projects.joined(separator: ", ")); write PROJECT/\(reference)")
    }
    do {
      return try await models.project(project).version(named: version, of: name)
    } catch let error as TrackerError {
      throw ControlError(.notFound, subject: reference, error.message)
    }
  }
}
