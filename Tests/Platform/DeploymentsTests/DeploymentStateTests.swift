import DeploymentStates
import Testing

@testable import Deployments

@Suite struct DeploymentStateTests {
  @Test(
    arguments: [
      ([], 0, false, false, .scaledToZero),
      ([.draining], 0, false, false, .scaledToZero),
      ([.ready], 0, false, false, .progressing),
      ([.pending, .pending], 2, true, false, .progressing),
      ([.ready, .ready], 2, false, false, .available),
      ([.ready, .ready], 2, false, true, .rolledBack),
      ([.ready, .crashLoop], 2, false, false, .degraded),
      ([.ready, .unready], 2, false, false, .degraded),
      ([.ready, .warming], 2, false, false, .progressing),
      ([.crashLoop], 1, true, false, .failed),
      ([.unready], 1, false, false, .failed),
    ] as [([ReplicaState], Int, Bool, Bool, DeploymentState)])
  func theStateFollowsFromTheReplicas(
    replicas: [ReplicaState], wanted: Int, isRollingOut: Bool, wasRolledBack: Bool, expected: DeploymentState
  ) {
    let views = replicas.enumerated().map { ReplicaView(id: "\($0)", revision: 1, state: $1) }
    let state = deploymentState(
      replicas: views, wanted: wanted, target: 1, isRollingOut: isRollingOut, wasRolledBack: wasRolledBack)
    #expect(state == expected)
  }

  @Test func aReplicaThatIsStartedAgainAfterItsEndCountsAsCrashingUntilItIsReady() {
    func state(_ replica: ReplicaState) -> DeploymentState {
      deploymentState(
        replicas: [ReplicaView(id: "a", revision: 1, state: replica, hasCrashed: true)], wanted: 1, target: 1,
        isRollingOut: true, wasRolledBack: false)
    }
    #expect([.pending, .preparing, .starting, .warming, .crashLoop].map(state) == Array(repeating: .failed, count: 5))
    #expect(state(.draining) == .progressing)
  }

  @Test func weightsShareTheRequestsByPercent() {
    let views = [("a", 1), ("b", 1), ("c", 1), ("d", 2)].map {
      ReplicaView(id: $0.0, revision: $0.1, state: .ready)
    }
    #expect(trafficWeights(views, target: 1, canaryPercent: nil).values.allSatisfy { $0 == 100 })
    for percent in [1, 10, 50, 99] {
      let weights = trafficWeights(views, target: 2, canaryPercent: percent)
      #expect(weights.values.allSatisfy { (1...256).contains($0) })
      let share = Double(weights["d"]!) / Double(weights.values.reduce(0, +)) * 100
      #expect(abs(share - Double(percent)) < 1, "\(percent): \(weights)")
    }
    // Where the canary is not ready the others get everything, and the other way round.
    let alone = trafficWeights(Array(views.prefix(3)), target: 2, canaryPercent: 10)
    #expect(alone == ["a": 100, "b": 100, "c": 100])
  }
}
