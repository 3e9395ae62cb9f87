import Containers
import ControlDatabase
import Daemon
import ExperimentFiles
import FoundationEssentials
import Glibc
import Linux
import Searchers

extension JobRequest {
  /// The job of one trial.
  /// - Parameter command: what the file makes of the trial's parameters.
  init(
    _ trial: Trial, of experiment: Experiment, _ sweep: Sweep, _ command: TrialCommand, _ directory: ExperimentDirectory
  ) {
    self.init(experiment, name: "\(trial.number)", experiment.file.job, command: command.command)
    environment.merge(command.environment) { given, _ in given }
    environment["CAIRN_TRIAL"] = "\(trial.number)"
    if sweep.search.population != nil {
      environment["CAIRN_CHECKPOINT_DIR"] = directory.checkpointInJob(of: trial.number)
    }
    directories = [
      MountedDirectory(directory.parameters(of: trial.number), at: TrialCommand.parametersPath, isReadOnly: true)
    ]
  }

  /// A job of an experiment.
  /// - Parameter name: what distinguishes it from the others.
  init(_ experiment: Experiment, name: String, _ template: JobTemplate, command: [String]) {
    self.init(
      project: experiment.project, name: "\(experiment.name.prefix(63 - name.utf8.count))-\(name)",
      image: template.image, command: command, environment: template.environment, gpus: template.gpus,
      cpus: template.cpus, memoryBytes: template.memoryBytes, workspaceSnapshot: experiment.workspaceSnapshot,
      timeoutSeconds: template.timeoutSeconds, retries: template.retries, user: template.user, git: experiment.git)
    self.experiment = JobExperiment(id: experiment.id)
    secrets = template.secrets
    priority = template.priority
    models = template.models?.compactMap { experiment.models?[$0] }
    // Its runs stand together in the tracker.
    if environment["MLFLOW_EXPERIMENT_NAME"] == nil { environment["MLFLOW_EXPERIMENT_NAME"] = experiment.name }
  }
}

/// Makes what a trial's job needs, as often as it is called.
struct TrialPreparation: Sendable {
  let directory: ExperimentDirectory
  /// Copies a directory's content into another that is empty, within the mount.
  let copyTree: @Sendable (_ from: String, _ to: String) async throws -> Void

  func prepare(_ trial: Trial, _ sweep: Sweep, _ command: TrialCommand) async throws {
    try makeDirectories(directory.path, mode: 0o700)
    try write(command.json + "\n", to: directory.parameters(of: trial.number))
    guard sweep.search.population != nil else { return }
    let checkpoint = directory.checkpoint(of: trial.number)
    // A copy that was broken off is begun again: the job is not there yet.
    if FileManager.default.fileExists(atPath: checkpoint) { try FileManager.default.removeItem(atPath: checkpoint) }
    try makeDirectories(checkpoint)
    // The image decides who the job's user is.
    chmod(checkpoint, 0o777)
    guard let origin = trial.origin else { return }
    let source = directory.checkpoint(of: origin)
    if FileManager.default.fileExists(atPath: source) { try await copyTree(source, checkpoint) }
  }

  private func write(_ text: String, to path: String) throws {
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    // Any user of a container may read it; the directory keeps the host's own from it.
    chmod(path, 0o644)
  }
}
