import UnixHTTP

extension CairnClient {
  public func start(notebook new: NewNotebook) async throws -> Notebook { try await http.post("/v1/notebooks", new) }

  /// The newest first.
  public func notebooks() async throws -> [Notebook] {
    let list: NotebookList = try await http.get("/v1/notebooks")
    return list.notebooks
  }

  /// `name` here and below: an identifier, a unique prefix of one, or a name.
  public func notebook(_ name: String) async throws -> NotebookDetails { try await http.get(path(name)) }

  /// A new address for a browser.
  public func open(notebook name: String) async throws -> ServerAddress { try await post(path(name) + "/open") }

  /// Returns at once; the state tells when it has stopped.
  public func stop(notebook name: String) async throws -> Notebook { try await post(path(name) + "/stop") }

  /// Returns at once; the state tells when it runs.
  public func resume(notebook name: String) async throws -> Notebook { try await post(path(name) + "/resume") }

  public func fork(notebook name: String, _ fork: NotebookFork) async throws -> Notebook {
    try await http.post(path(name) + "/fork", fork)
  }

  /// Returns when it is gone.
  public func remove(notebook name: String) async throws { try await http.send("DELETE", path(name)) }

  /// Opens a TensorBoard over a job's artifacts, or finds the one that is open.
  /// - Parameter onHost: whether the host's TensorBoard is taken, not that of the job's image.
  public func openTensorBoard(of job: String, onHost: Bool) async throws -> TensorBoardStatus {
    try await post("/v1/jobs/\(UnixHTTPClient.escapeComponent(Array(job.utf8)))/tensorboard?host=\(onHost)")
  }

  /// How far it is.
  public func tensorBoard(of job: String) async throws -> TensorBoardStatus {
    try await http.get("/v1/jobs/\(UnixHTTPClient.escapeComponent(Array(job.utf8)))/tensorboard")
  }

  private func path(_ name: String) -> String { "/v1/notebooks/\(UnixHTTPClient.escapeComponent(Array(name.utf8)))" }

  private func post<Answer: Decodable>(_ target: String) async throws -> Answer {
    try await http.decode(Answer.self, http.send("POST", target), of: "POST \(target)")
  }
}
