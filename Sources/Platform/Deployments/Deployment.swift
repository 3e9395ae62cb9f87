import DeploymentStates

/// A model version, or any program, served over HTTP by replicas behind one stable address.
public struct Deployment: Hashable, Codable, Sendable {
  /// Unique; part of its address, `/serve/<name>/`.
  public let name: String
  public internal(set) var scaling: Scaling
  /// Replicas wanted now: between the scaling's minimum and maximum.
  public internal(set) var replicas: Int
  /// The revision that serves; nil: none has been ready yet.
  public internal(set) var stable: Int?
  /// The revision that is to serve.
  public internal(set) var target: Int
  public internal(set) var rollout: Rollout
  /// When the rollout began, or last made progress. Nanoseconds since 1970, as are all times here.
  public internal(set) var progressedAt: Int64
  /// Why the last update was taken back; nil: it was not.
  public internal(set) var rolledBack: String?
  var lock: CredentialLock?
  public internal(set) var isRemoving: Bool
  public let createdAt: Int64

  public var authentication: AuthenticationKind { lock?.kind ?? .none }

  var goal: RolloutGoal {
    RolloutGoal(
      replicas: isRemoving ? 0 : replicas, stable: stable, target: target, canaryPercent: rollout.canaryPercent)
  }
}

/// One state of what a deployment runs. It never changes, so that it can be gone back to.
public struct Revision: Hashable, Codable, Sendable {
  public let deployment: String
  /// From 1.
  public let number: Int
  public let specification: DeploymentSpecification
  /// The model as it was found when the revision was made.
  public let model: ModelDirectory?
  /// The SHA-256 of specification and model, in hexadecimal.
  public let digest: String
  public let createdAt: Int64
}

/// One of the containers that serve a deployment, and those that take its place when it crashes.
public struct Replica: Hashable, Codable, Sendable {
  public let id: String
  public let deployment: String
  public let revision: Int
  public internal(set) var state: ReplicaState
  /// A sentence for people, where there is more to say than the state.
  public internal(set) var detail: String?
  /// The name of its container, known before there is one.
  public internal(set) var container: String
  /// How often it has been started, from 1.
  public internal(set) var attempt: Int
  /// Ends in a row, none of them after it had been ready for a minute.
  public internal(set) var restarts: Int
  /// Where it listens, such as `10.88.0.7:8080`; nil: not known yet.
  public internal(set) var address: String?
  public let createdAt: Int64
  /// Of its container.
  public internal(set) var startedAt: Int64?
  /// When it became ready, after its last start.
  public internal(set) var readyAt: Int64?
  /// When it may be started again.
  public internal(set) var restartAt: Int64?

  var view: ReplicaView {
    ReplicaView(id: id, revision: revision, state: state, hasCrashed: restarts > 0 && readyAt == nil)
  }

  static func container(deployment: String, id: String, attempt: Int) -> String {
    "cairn-serve-\(deployment)-\(id)-\(attempt)"
  }
}

/// Something that happened to a deployment; kept in order, never changed.
public struct DeploymentEvent: Hashable, Codable, Sendable {
  public let sequence: Int64
  public let time: Int64
  public let deployment: String
  /// Such as `created`, `rolled_back`, `replica_ready`.
  public let kind: String
  public let detail: String?
}
