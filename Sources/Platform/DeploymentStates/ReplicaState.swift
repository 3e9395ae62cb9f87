/// Where a replica is in its life.
public enum ReplicaState: String, Codable, CaseIterable, Sendable {
  /// Written down; nothing is made yet.
  case pending
  /// Its image and root file system are being made ready.
  case preparing
  /// Its container is being started.
  case starting
  /// It runs and has not been ready yet.
  case warming
  /// It gets requests.
  case ready
  /// It has been ready, and is not now: it gets no new requests.
  case unready
  /// It ended, and is started again after a pause that grows.
  case crashLoop = "crash_loop"
  /// It gets no new requests and is stopped when those that it has are done.
  case draining
  /// It is out of the proxy; its container is being removed.
  case stopped

  /// Whether it is on its way out.
  public var isLeaving: Bool { self == .draining || self == .stopped }
}
