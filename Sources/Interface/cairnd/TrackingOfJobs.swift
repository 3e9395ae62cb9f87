import ArtifactFiles
import ControlDatabase
import JobStates
import Jobs
import Logging
import Tokens
import Tracker
import Wire

/// The tracker of jobs: what a job's programs are told of it, and what becomes of their runs.
struct TrackingOfJobs: JobTracking {
  let tokens: TokenService
  let tracker: Tracker
  let tensorBoard: TensorBoardRuns
  let packages: JobPackages
  /// The host's path of Cairn's mount.
  let mount: String
  /// Of the address that containers reach, such as `http://127.0.0.1:40123`.
  let address: String
  let logger: Logger

  /// Where an attempt's packages are found among the artifacts of each of its runs.
  private static let packagesFile = "cairn/environment/requirements.txt"
  /// Runs of one attempt that are given the file; a program that makes more of them has it often enough.
  private static let mostRunsWithPackages = 1000

  func environment(of attempt: Attempt, of job: Job) async throws -> [String: String] {
    [
      "MLFLOW_TRACKING_URI": "\(address)/p/\(job.project)",
      "MLFLOW_TRACKING_TOKEN": try await tokens.create(for: attempt, project: job.project),
      "MLFLOW_EXPERIMENT_NAME": job.project,
      "MLFLOW_RUN_CONTEXT": Self.context(of: attempt, of: job),
      // A batch a second instead of a request for each value that is logged without waiting.
      "MLFLOW_ASYNC_LOGGING_BUFFERING_SECONDS": "1",
      "MLFLOW_DISABLE_TELEMETRY": "true",
    ]
  }

  func end(_ attempt: Attempt, of job: Job, as state: JobState, time: Int64) async throws {
    let status: RunStatus =
      switch state {
      case .succeeded: .finished
      case .stopped, .timedOut: .killed
      default: .failed
      }
    await tensorBoard.finish(job, attempt: attempt.number)
    try await tracker.endRuns(of: job.id, attempt: attempt.number, as: status, time: time / 1_000_000)
    try await tokens.revoke(ofJob: job.id)
    await addPackages(to: attempt, of: job)
  }

  /// Puts the packages that an attempt had at hand among its runs' artifacts, now that none of its programs can be in
  /// the way. What can't be written, as for want of space, is no reason to fail.
  private func addPackages(to attempt: Attempt, of job: Job) async {
    defer { Task { await packages.forget(job.id, attempt: attempt.number) } }
    guard job.request.hasArtifacts, let text = await packages.recorded(of: job.id, attempt: attempt.number) else {
      return
    }
    do {
      let directory = ArtifactDirectory(root: "\(mount)/artifacts/\(job.project)/\(job.id)")
      let runs = try await tracker.runs(of: job.id).filter {
        $0.attempt == Int64(attempt.number) && $0.artifactLocation == nil
      }
      for run in runs.prefix(Self.mostRunsWithPackages) {
        let path = "mlflow/\(run.experiment)/\(run.identifier)/artifacts/\(Self.packagesFile)"
        let pieces = AsyncThrowingStream<[UInt8], any Error> { stream in
          stream.yield(Array(text.utf8))
          stream.finish()
        }
        try await directory.write(Array(path.utf8), pieces)
      }
    } catch {
      logger.warning("the Python packages of job \(job.id) are not among its runs' artifacts: \(error)")
    }
  }

  /// JSON that MLflow's client makes tags of, on every run.
  private static func context(of attempt: Attempt, of job: Job) -> String {
    let bytes = JSONWriter.object {
      $0.field("cairn.job_id", job.id)
      $0.field("cairn.job_name", job.name)
      $0.field("cairn.attempt", String(attempt.number))
      $0.field("cairn.image", job.request.image)
      if let image = job.pinnedImage { $0.field("cairn.image_digest", image.digest ?? image.id) }
      if let experiment = job.request.experiment { $0.field("cairn.experiment_id", experiment.id) }
      if let git = job.request.git {
        // The names under which MLflow's own client has them.
        $0.field("mlflow.source.git.commit", git.commit)
        if let branch = git.branch { $0.field("mlflow.source.git.branch", branch) }
        if let repository = git.repository { $0.field("mlflow.source.git.repoURL", repository) }
      }
      if let snapshot = job.request.workspaceSnapshot { $0.field("cairn.workspace_snapshot", String(snapshot)) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
