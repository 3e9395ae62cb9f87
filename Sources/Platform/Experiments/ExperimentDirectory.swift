import Linux

/// Where the control plane keeps what an experiment's jobs are given, and where their checkpoints lie.
struct ExperimentDirectory: Sendable {
  /// The control plane's.
  let control: String
  /// The host's path of Cairn's mount.
  let mount: String
  let experiment: String

  var path: String { "\(control)/experiments/\(experiment)" }

  func parameters(of trial: Int) -> String { "\(path)/\(trial).json" }

  /// As a job sees it.
  func checkpointInJob(of trial: Int) -> String { "/storage/experiments/\(experiment)/\(trial)" }

  func checkpoint(of trial: Int) -> String { mount + checkpointInJob(of: trial) }

  /// All of them.
  var checkpoints: String { "\(mount)/storage/experiments/\(experiment)" }
}
