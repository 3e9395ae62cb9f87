/// Where an experiment stands. The raw value is what the database, the API and the CLI show.
public enum ExperimentState: String, CaseIterable, Codable, Sendable {
  /// Its jobs run, or wait for their turn.
  case running
  /// Somebody asked for it to stop, and its jobs have not all ended yet.
  case stopping
  /// A sweep: its search is over, and there is something to show for it. A group: its replicas did what they had to.
  case succeeded
  case failed
  /// Ended because somebody asked for it.
  case stopped

  public var isTerminal: Bool {
    switch self {
    case .running, .stopping: false
    case .succeeded, .failed, .stopped: true
    }
  }
}

/// What an experiment is.
public enum ExperimentKind: String, CaseIterable, Codable, Sendable {
  /// A hyperparameter search.
  case sweep
  /// Distributed training.
  case group
}
