import ModelRepository
import Tracker

/// By which addresses clients know artifacts, and where these lie. All of it is decided here.
///
/// What a run of a job logs lies among the job's artifacts, in `mlflow/<experiment>/<run>/artifacts`; what other runs log,
/// in a volume of the project's own, `runs`. Inside the job that is a directory of the container, and a program writes
/// there without asking anybody. Everybody else is given an address of ours: a client that was told of a directory and
/// does not have it would make one on its own disk and write into that, without a word.
struct ArtifactHomes {
  /// Where a container has the job's artifacts.
  private static let inContainer = "file:///artifacts/mlflow"
  private static let scheme = "mlflow-artifacts:"
  /// No job has this name: theirs have twelve characters.
  private static let volumeOfRuns = "runs"

  let project: String
  let caller: Caller

  /// The `artifact_uri` of a run.
  func address(of run: Run) -> String {
    run.artifactLocation ?? "\(top(of: run.job))/\(run.experiment)/\(run.identifier)/artifacts"
  }

  func address(of model: LoggedModel) -> String {
    model.artifactLocation ?? "\(top(of: model.job))/\(model.experiment)/models/\(model.identifier)/artifacts"
  }

  /// Where clients find the files of a version: its own, which stay when those that it was made of go.
  static func address(of version: ModelVersion) -> String {
    version.path.map { "\(scheme)/\(registeredModels)\($0.dropFirst("models".count))" } ?? version.source
  }

  /// Stands where an experiment's number stands in addresses of runs.
  static let registeredModels = "registered-models"

  /// The `artifact_location` of an experiment. Runs of several jobs are in it, so it is no directory of any.
  func address(of experiment: Experiment) -> String { experiment.location ?? "\(Self.scheme)/\(experiment.number)" }

  private func top(of job: String?) -> String {
    job != nil && caller.attempt?.job == job ? Self.inContainer : Self.scheme
  }

  /// The volume, as a path in the mount, and the directory in it.
  func place(of run: Run) -> (volume: String, directory: String) {
    place(job: run.job, "\(run.experiment)/\(run.identifier)/artifacts")
  }

  func place(of model: LoggedModel) -> (volume: String, directory: String) {
    place(job: model.job, "\(model.experiment)/models/\(model.identifier)/artifacts")
  }

  private func place(job: String?, _ path: String) -> (volume: String, directory: String) {
    guard let job else { return ("artifacts/\(project)/\(Self.volumeOfRuns)", path) }
    return ("artifacts/\(project)/\(job)", "mlflow/\(path)")
  }
}
