/// What the runner of an attempt has done last. Each step begins from what the one before has left, also if a daemon
/// ended between the two, or within the step.
public enum JobStep: String, CaseIterable, Sendable {
  /// The attempt is in the database, with the names of all that follows.
  case begun
  case volumesMade
  /// The overlay is mounted, or the image is there and pinned.
  case rootMade
  /// Secrets lie in memory.
  case secretsMade
  /// podman has returned.
  case containerStarted
  /// The database knows that the command runs.
  case running
  case containerEnded
  /// The tracker's runs are closed.
  case runsClosed
  case artifactsSealed
  /// The database knows how the attempt ended.
  case recorded
  case cleaned
}
