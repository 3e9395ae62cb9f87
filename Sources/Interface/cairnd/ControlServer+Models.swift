import Configuration
import ControlDatabase
import JobStates
import Linux
import ModelRepository
import StorageAPI

extension ControlServer {
  func openModels(_ database: ControlDatabase, _ storage: StorageClient) async throws -> ModelRepository {
    let files = StorageOfModels(client: storage, mount: configuration.storage.mount)
    let models = try ModelRepository(
      path: configuration.control.directory + "/models.db", storage: files, logger: logger,
      lineage: { try await lineage(of: $0, database) }
    ) { use in
      switch use.kind {
      case .job: try await hasEnded(use, database)
      // These give back what they have.
      case .deployment, .experiment: false
      }
    }
    // Before anybody can make new ones.
    try await files.removeUploads(except: models.pendingUploads())
    return models
  }

  private func lineage(of job: String, _ database: ControlDatabase) async throws -> ModelLineage? {
    do {
      return ModelLineage(
        job: job, workspaceSnapshot: try await database.job(job).request.workspaceSnapshot,
        imageDigest: try await database.attempts(of: job).last?.imageDigest)
    } catch let error as ControlError where error.code == .notFound {
      return nil
    }
  }

  /// Whether a job that was given a model needs it no more.
  private func hasEnded(_ use: ModelUse, _ database: ControlDatabase) async throws -> Bool {
    do {
      return try await database.job(use.holder).state.isTerminal
    } catch let error as ControlError where error.code == .notFound {
      // It is given its models before it is queued.
      return nanosecondsNow() / 1_000_000 - use.since > 60_000
    }
  }
}
