import API
import Configuration
import ControlDatabase
import Glibc
import HTTPService
import Notebooks
import Wire

extension ControlAPI {
  func addNotebookRoutes(to routes: inout Routes) {
    routes.add("POST", "/v1/notebooks") { request in
      let new: NewNotebook = try await request.json()
      return try .json(notebook(try await notebooks.start(NotebookRequest(new))), status: 201)
    }
    routes.add("GET", "/v1/notebooks") { request in
      let found = try await notebooks.list(project: request.query("project"))
      return try .json(NotebookList(notebooks: found.map(notebook)))
    }
    routes.add("GET", "/v1/notebooks/{notebook}") { request in
      let found = try await findNotebook(request)
      let snapshots = try await notebooks.snapshots(of: found.id)
      return try .json(
        NotebookDetails(notebook: notebook(found), snapshots: snapshots.map { API.NotebookSnapshot($0) }))
    }
    routes.add("POST", "/v1/notebooks/{notebook}/open") { request in
      let found = try await findNotebook(request)
      _ = try await notebooks.server(of: found.id)
      return try .json(try address(of: .init(.notebook, found.id), page: "lab"))
    }
    routes.add("POST", "/v1/notebooks/{notebook}/stop") { request in
      try .json(notebook(try await notebooks.stop(findNotebook(request).id)))
    }
    routes.add("POST", "/v1/notebooks/{notebook}/resume") { request in
      try .json(notebook(try await notebooks.resume(findNotebook(request).id)))
    }
    routes.add("POST", "/v1/notebooks/{notebook}/fork") { request in
      let wanted: NotebookFork = try await request.json()
      let fork = try await notebooks.fork(
        findNotebook(request).id, snapshot: wanted.snapshot, name: wanted.name, project: wanted.project)
      return try .json(notebook(fork), status: 201)
    }
    routes.add("DELETE", "/v1/notebooks/{notebook}") { request in
      try await notebooks.remove(findNotebook(request).id)
      return .empty
    }
    routes.add("POST", "/v1/jobs/{job}/tensorboard") { request in
      let job = try await find(request)
      let own = try await tensorBoards.open(for: job, onHost: request.flag("host"))
      return try .json(
        TensorBoardStatus(job: API.Job(own), isReady: false, url: address(of: .init(.tensorBoard, job.id)).url))
    }
    routes.add("GET", "/v1/jobs/{job}/tensorboard") { request in
      let job = try await find(request)
      guard let status = try await tensorBoards.status(of: job.id) else {
        throw APIError.notFound("No TensorBoard of job \(job.name) is open.", subject: job.id)
      }
      return try .json(
        TensorBoardStatus(
          job: API.Job(status.job), isReady: status.isReady, url: address(of: .init(.tensorBoard, job.id)).url))
    }
  }

  private func findNotebook(_ request: Request) async throws -> PlatformNotebook {
    try await notebooks.find(request.parameter("notebook"))
  }

  /// Where the daemon listens for people, as an address of this host; nil: nowhere.
  private var origin: String? {
    guard let listen = configuration.control.listen else { return nil }
    guard ["0.0.0.0", "::"].contains(listen.host) else { return "http://\(listen)" }
    // Of all addresses of this host, its name is the one that others know.
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "http://localhost:\(listen.port)" }
    return
      "http://\(String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)):\(listen.port)"
  }

  private func address(of subject: ServerProxy.Subject, page: String = "") throws -> ServerAddress {
    guard let origin else {
      throw APIError.conflict(
        "Cairn listens nowhere for browsers: give control.listen an address.", subject: subject.id)
    }
    return ServerAddress(url: origin + servers.target(of: subject, page: page))
  }

  private func notebook(_ notebook: PlatformNotebook) -> API.Notebook {
    let request = notebook.request
    return API.Notebook(
      id: notebook.id, name: notebook.name, project: notebook.project, image: request.image, gpus: request.gpus,
      cpus: request.cpus, memoryBytes: request.memoryBytes, idleSeconds: request.idleSeconds,
      lifetimeSeconds: request.lifetimeSeconds, state: notebook.state, reason: notebook.reason,
      detail: notebook.detail, job: notebook.job, forkOf: notebook.source?.notebook,
      url: origin.map { $0 + ServerProxy.Subject(.notebook, notebook.id).prefix },
      createdNanoseconds: notebook.createdAt, startedNanoseconds: notebook.startedAt,
      stoppedNanoseconds: notebook.stoppedAt)
  }
}

extension NotebookRequest {
  private static let usualIdleSeconds = 3600

  fileprivate init(_ new: NewNotebook) {
    self.init(
      project: new.project ?? Names.project(forDirectory: new.directory ?? ""), name: new.name,
      image: new.image ?? JobRequest.hostImage, python: new.python ?? "python3", environment: new.environment ?? [:],
      secrets: new.secrets,
      gpus: new.gpus ?? 0, cpus: new.cpus, memoryBytes: new.memoryBytes, workspaceSnapshot: new.workspaceSnapshot,
      idleSeconds: new.idleSeconds == 0 ? nil : new.idleSeconds ?? Self.usualIdleSeconds,
      lifetimeSeconds: new.lifetimeSeconds == 0 ? nil : new.lifetimeSeconds)
  }
}

extension API.NotebookSnapshot {
  fileprivate init(_ snapshot: PlatformNotebookSnapshot) {
    self.init(
      number: snapshot.number, createdNanoseconds: snapshot.createdAt,
      workspace: "volumes/notebooks/\(snapshot.notebook)/snapshots/\(snapshot.number)/workspace")
  }
}
