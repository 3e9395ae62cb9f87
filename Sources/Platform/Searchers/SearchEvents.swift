/// A value of the metric that a trial has logged.
public struct Report: Hashable, Codable, Sendable {
  /// How far the trial is: how many values it has logged, or their step.
  public var time: Int64
  /// nil: it is no number, which is as bad as can be.
  public var value: Double?

  public init(time: Int64, value: Double?) {
    self.time = time
    self.value = value
  }
}

/// What a searcher is told.
public enum SearchEvent: Hashable, Codable, Sendable {
  /// The first event, once.
  case started
  /// The parameters that were asked for by ``SearchDecision/suggest(trial:)``.
  case suggested(trial: Int, parameters: [Parameter])
  /// Values in the order in which the trial logged them.
  case reported(trial: Int, [Report])
  /// A trial's job has ended.
  case ended(trial: Int, TrialOutcome)
}

/// How a trial's job ended.
public enum TrialOutcome: String, Codable, Sendable {
  case succeeded, failed
  /// Somebody stopped it, the searcher or a person.
  case stopped
}

/// Why a searcher stops a trial.
public enum StopReason: String, Codable, Sendable {
  /// Others were better at the same time.
  case unpromising
  /// It went on beyond the time that trials have.
  case maxTime = "max_time"
  /// Another trial takes its place, from the checkpoint of a better one.
  case replaced
  /// Too many trials failed.
  case failures
}

/// What a searcher wants to be done.
public enum SearchDecision: Hashable, Codable, Sendable {
  /// Ask for the parameters of this trial; ``SearchEvent/suggested(trial:parameters:)`` brings them.
  case suggest(trial: Int)
  /// Start a trial; with an `origin` from a clone of that trial's checkpoint.
  case create(trial: Int, parameters: [Parameter], origin: Int?)
  case stop(trial: Int, StopReason)
  /// The search is over: all trials have ended, and no more come.
  case close(succeeded: Bool)
}
