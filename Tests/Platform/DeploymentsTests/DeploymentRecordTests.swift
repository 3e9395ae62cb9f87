import ControlDatabase
import DeploymentStates
import FoundationEssentials
import Testing

@testable import Deployments

@Suite struct DeploymentRecordTests {
  private func withDatabase(_ body: (DeploymentDatabase) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "cairn-deployments.\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try await body(try DeploymentDatabase(path: directory.appending(path: "deployments.db").path))
  }

  private func make(_ database: DeploymentDatabase, _ name: String = "digits") async throws -> Deployment {
    try await database.addDeployment(
      name, DeploymentSpecification(command: ["one"]), model: nil, scaling: .fixed(2), rollout: Rollout(), lock: nil)
  }

  private func update(_ database: DeploymentDatabase, command: String, canary: Int? = nil) async throws -> Deployment {
    try await database.update(
      "digits", DeploymentSpecification(command: [command]), model: nil, rollout: Rollout(canaryPercent: canary))
  }

  @Test func aNameIsGivenOnce() async throws {
    try await withDatabase { database in
      let deployment = try await make(database)
      #expect(deployment.target == 1 && deployment.stable == nil && deployment.replicas == 2)
      await #expect(throws: ControlError.self) { try await make(database) }
    }
  }

  @Test func revisionsAreMadeOnceAndStay() async throws {
    try await withDatabase { database in
      _ = try await make(database)
      #expect(try await update(database, command: "one").target == 1)
      #expect(try await update(database, command: "two", canary: 10).target == 2)
      // The same again is no other revision: the canary is promoted.
      let promoted = try await update(database, command: "two")
      #expect(promoted.target == 2 && promoted.rollout.canaryPercent == nil)
      #expect(try await database.rollBack("digits", to: 1).target == 1)
      #expect(try await update(database, command: "three").target == 3)
      let revisions = try await database.revisions(of: "digits")
      #expect(revisions.map(\.number) == [3, 2, 1])
      #expect(revisions.map(\.specification.command) == [["three"], ["two"], ["one"]])
      #expect(Set(revisions.map(\.digest)).count == 3)
      await #expect(throws: ControlError.self) { try await database.rollBack("digits", to: 4) }
    }
  }

  @Test func aReplicaThatLeavesIsNotCalledBack() async throws {
    try await withDatabase { database in
      _ = try await make(database)
      let replica = try await database.addReplica(of: "digits", revision: 1)
      #expect(replica.state == .pending && replica.container.hasPrefix("cairn-serve-digits-"))
      try await database.change(replica: replica.id) { $0.state = .ready }
      try await database.drain(replica: replica.id)
      #expect(try await database.replica(replica.id)?.state == .draining)
      #expect(try await database.change(replica: replica.id) { $0.state = .ready } == nil)
      try await database.drained(replica: replica.id)
      try await database.drain(replica: replica.id)
      #expect(try await database.replica(replica.id)?.state == .stopped)
      // One that serves nobody has nothing to finish.
      let other = try await database.addReplica(of: "digits", revision: 1)
      try await database.drain(replica: other.id)
      #expect(try await database.replica(other.id)?.state == .stopped)
      let kinds = try await database.events(of: "digits", limit: 100).map(\.kind)
      #expect(kinds.filter { $0 == "replica_ready" }.count == 1)
    }
  }

  @Test func aReadyReplicaOfTheTargetGivesTheRolloutItsTimeAgain() async throws {
    try await withDatabase { database in
      let before = try await make(database).progressedAt
      let replica = try await database.addReplica(of: "digits", revision: 1)
      try await database.change(replica: replica.id) { $0.state = .ready }
      #expect(try await database.deployment("digits").progressedAt > before)
    }
  }

  @Test func removalTakesEverythingButTheEvents() async throws {
    try await withDatabase { database in
      _ = try await make(database)
      _ = try await database.addReplica(of: "digits", revision: 1)
      try await database.removeDeployment("digits")
      #expect(try await database.deployments().isEmpty)
      #expect(try await database.replicas().isEmpty)
      #expect(try await database.events(of: "digits", limit: 10).last?.kind == "removed")
      // The name is free again, and its revisions begin anew.
      #expect(try await make(database).target == 1)
    }
  }
}
