/// How a deployment is, as a whole.
public enum DeploymentState: String, Codable, CaseIterable, Sendable {
  /// Replicas are being started or replaced.
  case progressing
  /// As many replicas of the wanted revision are ready as there should be.
  case available
  /// Some replicas are ready, fewer than there should be, and nothing is being rolled out.
  case degraded
  /// No replica is wanted; a request brings one.
  case scaledToZero = "scaled_to_zero"
  /// No replica is ready, and those that were tried crash.
  case failed
  /// As ``available``, after an update that failed was taken back.
  case rolledBack = "rolled_back"
  /// It is being removed.
  case removing
}
