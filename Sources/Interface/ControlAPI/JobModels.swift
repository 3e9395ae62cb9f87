import ControlDatabase
import Jobs
import ModelRepository
import Wire

extension ControlAPI {
  /// Queues a job that sees these model versions, each as `NAME:VERSION`, in its own project or, where that has none of
  /// the name, in the only one that has. None of them can be removed until the job has ended.
  func submit(_ request: JobRequest, models references: [String]) async throws -> PlatformJob {
    if references.isEmpty { return try await jobs.submit(request) }
    guard references.count <= 100 else { throw APIError.invalid("A job sees 100 models at most.", subject: "models") }
    var request = request
    let id = Names.newIdentifier()
    do {
      var mounted: [MountedModel] = []
      for reference in references {
        let model = try await mount(reference, in: request.project, for: .job, id)
        if !mounted.contains(model) { mounted.append(model) }
      }
      request.models = mounted
      return try await jobs.submit(request, id: id)
    } catch {
      try await models.release(.job, id)
      throw error
    }
  }

  /// Model versions, by how they are named, that the jobs of an experiment are to see.
  func mount(
    _ references: [String], in project: String, forExperiment id: String
  ) async throws -> [String: MountedModel] {
    var mounted: [String: MountedModel] = [:]
    for reference in references {
      mounted[reference] = try await mount(reference, in: project, for: .experiment, id)
    }
    return mounted
  }

  /// Keeps a version from being removed, and says where it is.
  private func mount(
    _ reference: String, in project: String, for kind: ModelUse.Kind, _ holder: String
  ) async throws -> MountedModel {
    let version = try await version(reference, preferring: project)
    guard let path = version.path, let directory = path.split(separator: "/").dropLast().last else {
      throw APIError.conflict(
        "The files of \(version.reference) are not in Cairn but at \(version.source).", subject: reference)
    }
    try await models.use(version, by: kind, holder)
    return MountedModel(name: String(directory), version: version.number, path: path)
  }

  private func version(_ reference: String, preferring project: String) async throws -> PlatformModelVersion {
    let end = reference.firstIndex { $0 == ":" || $0 == "@" } ?? reference.endIndex
    let name = String(reference[..<end])
    let version = end == reference.endIndex ? "latest" : String(reference[reference.index(after: end)...])
    let holders = try await models.projects(with: name)
    let chosen = try await self.project(of: name, given: holders.contains(project) ? project : nil)
    return try await chosen.version(named: version, of: name)
  }
}
