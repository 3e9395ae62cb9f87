import ControlDatabase
import JobStates
import Linux
import Synchronization

/// How the servers of notebooks are started and reached.
struct NotebookServers: Sendable {
  /// Holds the directories that servers share with the daemon.
  let directory: String
  /// Makes what a server asks for, which is in no record.
  let passes: AccessPasses

  /// When somebody saved a file last, by notebook.
  private let saves = SaveTimes()

  init(directory: String, passes: AccessPasses) {
    self.directory = directory
    self.passes = passes
  }

  /// Nanoseconds since 1970; nil: nobody did while this daemon ran.
  func lastSave(in notebook: String) -> Int64? { saves.times.withLock { $0[notebook] } }

  func noteSave(in notebook: String) { saves.times.withLock { $0[notebook] = nanosecondsNow() } }

  static func prefix(of notebook: String) -> String { "/notebooks/\(notebook)/" }

  private func directory(of job: String) -> ServerDirectory { ServerDirectory(parent: directory, job: job) }

  func prepare(_ notebook: Notebook, job: String) throws {
    try directory(of: job).prepare(
      program: PackageResources.start_jupyter_py, token: passes.serverSecret(of: job))
  }

  func remove(job: String) throws { try directory(of: job).remove() }

  /// nil: it was never started.
  func server(of notebook: Notebook) -> ReachableServer? {
    notebook.job.map { job in
      ReachableServer(
        socket: directory(of: job).socket, authorization: "token \(passes.serverSecret(of: job))")
    }
  }

  /// - Throws: where the server does not answer, or not with what makes sense.
  func activity(of notebook: Notebook) async throws -> JupyterActivity {
    guard let server = server(of: notebook) else { throw JupyterActivity.Senseless(description: "it has no server") }
    return try await JupyterActivity.ask(server, prefix: Self.prefix(of: notebook.id))
  }

  /// What its job is to be.
  func jobRequest(_ notebook: Notebook, job: String) -> JobRequest {
    let request = notebook.request
    var wanted = JobRequest(
      project: request.project, name: notebook.name, image: request.image,
      command: [
        request.python, "\(ServerDirectory.mountPoint)/\(ServerDirectory.program)", Self.prefix(of: notebook.id),
      ],
      environment: request.environment, gpus: request.gpus, cpus: request.cpus, memoryBytes: request.memoryBytes,
      // The volumes are root's, and images of Jupyter often have another user. By its number, for images that name none.
      user: request.image == JobRequest.hostImage ? nil : "0")
    let volumes = NotebookVolumes(notebook: notebook.id)
    wanted.secrets = request.secrets
    // Somebody sits in front of it.
    wanted.priority = .interactive
    wanted.serves = ServedSubject(.notebook, notebook.id)
    wanted.directories = [
      MountedDirectory(volumes.workspace, at: "/workspace"), MountedDirectory(volumes.environment, at: "/environment"),
      MountedDirectory(volumes.artifacts(of: request.project), at: "/artifacts"),
      directory(of: job).mounted,
    ]
    return wanted
  }
}

private final class SaveTimes: Sendable {
  let times = Mutex<[String: Int64]>([:])
}
