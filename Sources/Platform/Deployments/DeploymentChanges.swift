import Chunks
import ControlDatabase
import DeploymentStates
import GRDB
import Linux

extension DeploymentDatabase {
  func deployments() async throws -> [Deployment] {
    try await read { try Deployment.fetchAll($0, sql: "SELECT * FROM deployment ORDER BY name") }
  }

  func deployment(_ name: String) async throws -> Deployment { try await read { try $0.deployment(name) } }

  func revision(_ number: Int, of deployment: String) async throws -> Revision {
    try await read { try $0.revision(number, of: deployment) }
  }

  /// The newest first.
  func revisions(of deployment: String) async throws -> [Revision] {
    try await read {
      try Revision.fetchAll(
        $0, sql: "SELECT * FROM revision WHERE deployment = ? ORDER BY number DESC", arguments: [deployment])
    }
  }

  /// The oldest first.
  func replicas(of deployment: String? = nil) async throws -> [Replica] {
    try await read {
      try Replica.fetchAll(
        $0, sql: "SELECT * FROM replica WHERE :name IS NULL OR deployment = :name ORDER BY createdAt, id",
        arguments: ["name": deployment])
    }
  }

  /// The last `limit` events, oldest first.
  func events(of deployment: String, limit: Int) async throws -> [DeploymentEvent] {
    try await read {
      try DeploymentEvent.fetchAll(
        $0,
        sql: """
          SELECT * FROM (SELECT * FROM event WHERE deployment = ? ORDER BY sequence DESC LIMIT ?) ORDER BY sequence
          """, arguments: [deployment, limit])
    }
  }

  /// - Throws: ``ControlError`` `conflict` where there is one of this name.
  func addDeployment(
    _ name: String, _ specification: DeploymentSpecification, model: ModelDirectory?, scaling: Scaling,
    rollout: Rollout, lock: CredentialLock?
  ) async throws -> Deployment {
    try await write { database in
      let now = nanosecondsNow()
      try database.execute(
        sql: """
          INSERT INTO deployment (name, scaling, replicas, target, rollout, progressedAt, lock, isRemoving, createdAt)
          VALUES (?, ?, ?, 1, ?, ?, ?, 0, ?) ON CONFLICT DO NOTHING
          """,
        arguments: [
          // One that may be at zero begins with a replica, to show that it can have one.
          name, try sortedJSON(scaling), min(max(scaling.minimum, 1), scaling.maximum), try sortedJSON(rollout), now,
          try lock.map { try sortedJSON($0) }, now,
        ])
      guard database.changesCount == 1 else {
        throw ControlError(
          .conflict, subject: name,
          "there is a deployment \(name) already; cairn deploy update changes it, cairn deploy rm removes it")
      }
      try database.addRevision(1, of: name, specification, model)
      try database.append(event: "created", of: name)
      return try database.deployment(name)
    }
  }

  /// Makes a revision the target. One that is the same as the target is not made again.
  func update(
    _ name: String, _ specification: DeploymentSpecification, model: ModelDirectory?, rollout: Rollout
  ) async throws -> Deployment {
    try await write { database in
      let target = try database.revision(database.deployment(name).target, of: name)
      guard try target.digest != revisionDigest(specification, model) else {
        return try database.aim(name, at: target.number, rollout, event: "updated")
      }
      let newest =
        try Int.fetchOne(
          database, sql: "SELECT max(number) FROM revision WHERE deployment = ?", arguments: [name]) ?? 0
      try database.addRevision(newest + 1, of: name, specification, model)
      return try database.aim(name, at: newest + 1, rollout, event: "updated")
    }
  }

  /// Makes an earlier revision the target.
  func rollBack(_ name: String, to number: Int) async throws -> Deployment {
    try await write { database in
      _ = try database.revision(number, of: name)
      var rollout = try database.deployment(name).rollout
      rollout.canaryPercent = nil
      return try database.aim(name, at: number, rollout, event: "rolled_back_by_hand")
    }
  }

  /// Changes a deployment in place.
  /// - Throws: ``ControlError`` `notFound`
  @discardableResult
  func change(
    _ name: String, _ body: @escaping @Sendable (inout Deployment, Database) throws -> Void
  ) async throws -> Deployment {
    try await write { database in
      var deployment = try database.deployment(name)
      try body(&deployment, database)
      try database.store(deployment)
      return deployment
    }
  }

  /// How many replicas are wanted now.
  func setReplicas(_ count: Int, of name: String, reason: String) async throws {
    try await change(name) { deployment, database in
      guard deployment.replicas != count, !deployment.isRemoving else { return }
      try database.append(event: "scaled", of: name, "from \(deployment.replicas) to \(count): \(reason)")
      // Replicas that a scaling adds are given the full time.
      deployment.progressedAt = nanosecondsNow()
      deployment.replicas = count
    }
  }

  /// Removes the records of a deployment without replicas.
  func removeDeployment(_ name: String) async throws {
    try await write { database in
      try database.execute(sql: "DELETE FROM deployment WHERE name = ?", arguments: [name])
      try database.append(event: "removed", of: name)
    }
  }

  func addReplica(of deployment: String, revision: Int) async throws -> Replica {
    try await write { database in
      let id = String(Names.newIdentifier().prefix(8))
      try database.execute(
        sql: """
          INSERT INTO replica (id, deployment, revision, state, container, attempt, restarts, createdAt)
          VALUES (?, ?, ?, ?, ?, 1, 0, ?)
          """,
        arguments: [
          id, deployment, revision, ReplicaState.pending.rawValue,
          Replica.container(deployment: deployment, id: id, attempt: 1), nanosecondsNow(),
        ])
      try database.append(event: "replica_added", of: deployment, "\(id) of revision \(revision)")
      return try database.replica(id)!
    }
  }

  func replica(_ id: String) async throws -> Replica? { try await read { try $0.replica(id) } }

  /// Changes a replica that is not on its way out; nil where it is, or is gone.
  @discardableResult
  func change(replica id: String, _ body: @escaping @Sendable (inout Replica) -> Void) async throws -> Replica? {
    try await write { database in
      guard var replica = try database.replica(id), !replica.state.isLeaving else { return nil }
      let before = replica.state
      body(&replica)
      try database.store(replica)
      if replica.state != before {
        try database.append(
          event: "replica_" + replica.state.rawValue, of: replica.deployment,
          replica.detail.map { "\(id): \($0)" } ?? id)
        if replica.state == .ready { try database.progress(of: replica) }
      }
      return replica
    }
  }

  /// Takes a replica out of service; those that leave already go on doing so.
  func drain(replica id: String) async throws {
    try await change(replica: id) { replica in
      // One that serves nobody has nothing to finish.
      replica.state = [.ready, .unready].contains(replica.state) ? .draining : .stopped
      replica.detail = nil
    }
  }

  /// Its last request is done.
  func drained(replica id: String) async throws {
    try await write {
      try $0.execute(
        sql: "UPDATE replica SET state = ? WHERE id = ?", arguments: [ReplicaState.stopped.rawValue, id])
    }
  }

  func removeReplica(_ id: String) async throws {
    try await write { database in
      guard let replica = try database.replica(id) else { return }
      try database.execute(sql: "DELETE FROM replica WHERE id = ?", arguments: [id])
      try database.append(event: "replica_removed", of: replica.deployment, id)
    }
  }
}

extension Database {
  fileprivate func addRevision(
    _ number: Int, of deployment: String, _ specification: DeploymentSpecification, _ model: ModelDirectory?
  ) throws {
    try execute(
      sql: """
        INSERT INTO revision (deployment, number, specification, model, digest, createdAt) VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        deployment, number, try sortedJSON(specification), try model.map { try sortedJSON($0) },
        try revisionDigest(specification, model), nanosecondsNow(),
      ])
  }

  fileprivate func aim(_ name: String, at number: Int, _ rollout: Rollout, event: String) throws -> Deployment {
    var deployment = try deployment(name)
    guard !deployment.isRemoving else {
      throw ControlError(.conflict, subject: name, "deployment \(name) is being removed")
    }
    deployment.target = number
    deployment.rollout = rollout
    deployment.progressedAt = nanosecondsNow()
    deployment.rolledBack = nil
    try store(deployment)
    try append(event: event, of: name, "to revision \(number)")
    return deployment
  }

  /// A replica of the target became ready: the rollout gets its full time again.
  fileprivate func progress(of replica: Replica) throws {
    try execute(
      sql: "UPDATE deployment SET progressedAt = ? WHERE name = ? AND target = ?",
      arguments: [nanosecondsNow(), replica.deployment, replica.revision])
  }
}

/// Names what a revision runs: two with the same digest run the same.
func revisionDigest(_ specification: DeploymentSpecification, _ model: ModelDirectory?) throws -> String {
  let text = try sortedJSON(specification) + "\n" + (model.map { try sortedJSON($0) } ?? "")
  return Array(text.utf8).withUnsafeBytes { Digest(of: $0) }.hexadecimal
}
