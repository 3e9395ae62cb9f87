import API
import ArtifactFiles
import Configuration
import ControlDatabase
import HTTPService
import Jobs
import Linux
import ModelFormats
import ModelRepository
import Projects
import StorageAPI
import Tracker
import UnixHTTP
import Wire

extension ControlAPI {
  func addModelRoutes(to routes: inout Routes) {
    routes.add("GET", "/v1/models") { request in try .json(try await searchModels(request)) }
    routes.add("POST", "/v1/models/trees") { request in
      let body = request.body
      let answer = try await storage.http.send(
        "POST", "/v1/ingest/trees",
        body: .stream { writer in
          try await writer.write(WireJSON.encode(NewVolume(kind: .model)) + [10])
          for try await piece in body { try await writer.write(piece) }
        }, idleSeconds: 600)
      return .bytes(answer, contentType: "application/json", status: 201)
    }
    routes.add("GET", "/v1/models/{name}") { request in
      let (models, name) = try await findModel(request)
      let versions = try await models.versions(of: name)
      return try .json(
        ModelDetails(model: wire(try await models.model(name)), versions: versions.map { wire($0) }))
    }
    routes.add("PATCH", "/v1/models/{name}") { request in
      let change: ModelChange = try await request.json()
      let (models, name) = try await findModel(request)
      guard change.stage == nil else {
        throw APIError.invalid("A version has a stage, a model has none.", subject: "stage")
      }
      for (key, value) in change.setTags ?? [:] { try await models.setTag(KeyValue(key, value), of: name) }
      for key in change.removeTags ?? [] { try await models.deleteTag(key, of: name) }
      return try .json(wire(try await models.updateModel(name, description: change.description)))
    }
    routes.add("DELETE", "/v1/models/{name}") { request in
      let (models, name) = try await findModel(request)
      let removed = try await models.removeModel(name)
      return try .json(RemovedModel(versions: removed.versions, bytes: removed.bytes))
    }
    routes.add("PUT", "/v1/models/{name}/aliases/{alias}") { request in
      let target: AliasTarget = try await request.json()
      let (models, name) = try await findModel(request)
      let version = try await models.version(named: target.version, of: name)
      try await models.setAlias(request.parameter("alias"), of: name, to: version.number)
      return .empty
    }
    routes.add("DELETE", "/v1/models/{name}/aliases/{alias}") { request in
      let (models, name) = try await findModel(request)
      let alias = request.parameter("alias")
      _ = try await models.version(alias: alias, of: name)
      try await models.deleteAlias(alias, of: name)
      return .empty
    }
    addVersionRoutes(to: &routes)
  }

  private func addVersionRoutes(to routes: inout Routes) {
    let version = "/v1/models/{name}/versions/{version}"
    routes.add("POST", "/v1/models/{name}/versions") { request in
      let new: API.NewModelVersion = try await request.json()
      return try .json(wire(try await register(request.parameter("name"), new)), status: 201)
    }
    routes.add("GET", version) { request in
      let found = try await findVersion(request).1
      var answer = wire(found)
      answer.usedBy = try await models.uses(of: found).map { "\($0.kind.rawValue) \($0.holder)" }
      return try .json(answer)
    }
    routes.add("PATCH", version) { request in
      let change: ModelChange = try await request.json()
      let (models, found) = try await findVersion(request)
      if let stage = change.stage {
        _ = try await models.moveVersion(
          found.number, of: found.name, to: ModelStage(named: stage), archivingOthers: change.archiveOthers ?? false)
      }
      for (key, value) in change.setTags ?? [:] {
        try await models.setTag(KeyValue(key, value), ofVersion: found.number, of: found.name)
      }
      for key in change.removeTags ?? [] { try await models.deleteTag(key, ofVersion: found.number, of: found.name) }
      return try .json(
        wire(try await models.updateVersion(found.number, of: found.name, description: change.description)))
    }
    routes.add("DELETE", version) { request in
      let (models, found) = try await findVersion(request)
      let removed = try await models.removeVersion(found.number, of: found.name)
      return try .json(RemovedModel(versions: removed.versions, bytes: removed.bytes))
    }
    routes.add("GET", version + "/files") { request in
      let (models, found) = try await findVersion(request)
      let files = try await models.files(of: found)
      return try .json(
        ModelFileList(
          version: wire(found),
          files: files.map { ModelFileEntry(path: $0.path, size: $0.size, sha256: $0.sha256) }))
    }
    routes.add("GET", version + "/content") { request in
      let found = try await findVersion(request).1
      guard let path = found.path else {
        throw APIError.notFound("The files of \(found.reference) are not in Cairn but at \(found.source).")
      }
      let directory = ArtifactDirectory(root: configuration.storage.mount + "/" + path)
      let file = Array((request.query("path") ?? "").utf8)
      return try content(of: await offPool { try directory.open(file) }, range: request.header("Range"))
    }
  }

  // MARK: Finding

  /// The model that the path names: of the project that the query names, or of the only one that has a model so called.
  private func findModel(_ request: Request) async throws -> (ProjectModels, String) {
    let name = request.parameter("name")
    return (try await project(of: name, given: request.query("project")), name)
  }

  private func findVersion(_ request: Request) async throws -> (ProjectModels, PlatformModelVersion) {
    let (models, name) = try await findModel(request)
    return (models, try await models.version(named: request.parameter("version"), of: name))
  }

  /// - Throws: `ControlError` where several projects have a model of this name, or none has.
  func project(of model: String, given project: String?) async throws -> ProjectModels {
    if let project { return models.project(project) }
    let projects = try await models.projects(with: model)
    guard let project = projects.first else {
      throw ControlError(
        .notFound, subject: model, "there is no model \"\(model)\"; cairn model ls shows those there are")
    }
    guard projects.count == 1 else {
      throw ControlError(
        .ambiguous, subject: model,
        "the projects \(projects.joined(separator: ", ")) have a model \"\(model)\" each; say which: --project P")
    }
    return models.project(project)
  }

  private func searchModels(_ request: Request) async throws -> ModelList {
    do {
      let page = try await models.searchModels(
        in: request.query("project"), SearchFilter(request.query("filter") ?? "", for: .registeredModels),
        SearchOrder([], for: .registeredModels), after: PageToken(request.query("page_token") ?? ""),
        limit: request.integer("limit", in: 1...1000) ?? 100)
      return ModelList(models: page.records.map { wire($0) }, nextPageToken: page.next?.text)
    } catch let error as FilterError {
      throw APIError.invalid(error.message, subject: "filter")
    }
  }

  // MARK: Registering

  private func register(_ name: String, _ new: API.NewModelVersion) async throws -> PlatformModelVersion {
    let tags = (new.tags ?? [:]).sorted { $0.key < $1.key }.map { KeyValue($0.key, $0.value) }
    if let upload = new.upload {
      guard new.job == nil else { throw APIError.invalid("Give either a job or an upload.", subject: "job") }
      guard try await storage.volume(upload).isModelUpload else {
        throw APIError.invalid("Volume \(upload) is no uploaded model.", subject: "upload")
      }
      let project = new.project ?? Names.project(forDirectory: new.directory ?? "")
      try await projects.provide(project)
      return try await models.project(project).register(
        name,
        PlatformNewModelVersion(
          source: "cairn:upload", content: .volume(upload), description: new.description, tags: tags))
    }
    guard let reference = new.job else {
      throw APIError.invalid("Say what the version is made of: a job or an upload.", subject: "job")
    }
    let job = try await jobs.find(reference, project: nil)
    let project = new.project ?? job.project
    try await projects.provide(project)
    let path = (new.path ?? "").split(separator: "/").joined(separator: "/")
    guard !path.split(separator: "/").contains(".."), !path.utf8.contains(0) else {
      throw APIError.invalid("A path among artifacts has no `..` in it.", subject: "path")
    }
    let whole = "artifacts/\(job.project)/\(job.id)"
    // Before there is a record: a wrong path should not cost a version's number.
    let artifacts = ArtifactDirectory(root: configuration.storage.mount + "/" + whole)
    _ = try await offPool { try artifacts.list(Array(path.utf8), recursive: false) }
    return try await models.project(project).register(
      name,
      PlatformNewModelVersion(
        source: "cairn:job/\(job.id)/\(path)", content: .path(path.isEmpty ? whole : whole + "/" + path),
        description: new.description, tags: tags,
        lineage: ModelLineage(job: job.id)))
  }

  // MARK: Wire

  private func wire(_ model: RegisteredModel) -> API.Model {
    API.Model(
      name: model.name, project: model.project, description: model.description,
      directory: configuration.storage.mount + "/" + model.directory, tags: dictionary(model.tags),
      aliases: Dictionary(uniqueKeysWithValues: model.aliases.map { ($0.alias, $0.version) }),
      latestVersions: model.latestVersions.map { wire($0) }, createdNanoseconds: model.createdAt * 1_000_000,
      updatedNanoseconds: model.updatedAt * 1_000_000)
  }

  private func wire(_ version: PlatformModelVersion) -> API.ModelVersion {
    var wire = API.ModelVersion(
      name: version.name, project: version.project, version: version.number, stage: version.stage.rawValue,
      status: version.status.rawValue, source: version.source, tags: dictionary(version.tags), aliases: version.aliases,
      createdNanoseconds: version.createdAt * 1_000_000, updatedNanoseconds: version.updatedAt * 1_000_000)
    wire.statusMessage = version.statusMessage
    wire.description = version.description
    wire.path = version.path.map { configuration.storage.mount + "/" + $0 }
    wire.digest = version.digest
    wire.bytes = version.bytes
    wire.files = version.files
    wire.content = version.content
    wire.run = version.runID
    wire.loggedModel = version.modelID
    wire.job = version.lineage.job
    wire.workspaceSnapshot = version.lineage.workspaceSnapshot
    wire.imageDigest = version.lineage.imageDigest
    wire.parent = version.lineage.parent
    wire.user = version.user
    return wire
  }

  private func dictionary(_ tags: [KeyValue]) -> [String: String] {
    Dictionary(tags.map { ($0.key, $0.value) }) { $1 }
  }
}
