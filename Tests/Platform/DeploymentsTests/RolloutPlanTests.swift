import DeploymentStates
import Testing

@testable import Deployments

@Suite struct RolloutPlanTests {
  /// Replicas written as `<revision><state>`: r ready, w warming, c crashing, u unready, d draining.
  private func replicas(_ text: String) -> [ReplicaView] {
    let states: [Character: ReplicaState] = [
      "r": .ready, "w": .warming, "c": .crashLoop, "u": .unready, "d": .draining,
    ]
    return text.split(separator: " ").enumerated().map { index, word in
      ReplicaView(id: "\(index)", revision: Int(word.dropLast())!, state: states[word.last!]!)
    }
  }

  private func steps(
    _ count: Int, stable: Int?, target: Int, canary: Int? = nil, _ present: String
  ) -> [RolloutStep] {
    rolloutSteps(
      RolloutGoal(replicas: count, stable: stable, target: target, canaryPercent: canary), replicas: replicas(present))
  }

  @Test(
    arguments: [
      // The first revision starts all at once, and is stable when all are ready.
      (2, nil, 1, nil, "", [.start(revision: 1), .start(revision: 1)]),
      (2, nil, 1, nil, "1r 1w", []),
      (2, nil, 1, nil, "1r 1r", [.complete]),
      (2, 1, 1, nil, "1r 1r", []),
      // Scaling.
      (3, 1, 1, nil, "1r 1r", [.start(revision: 1)]),
      (1, 1, 1, nil, "1r 1r", [.drain(replica: "1")]),
      (1, 1, 1, nil, "1w 1r", [.drain(replica: "0")]),
      (0, 1, 1, nil, "1r", [.drain(replica: "0")]),
      (1, 1, 1, nil, "1d", [.start(revision: 1)]),
      // An update: one above the number, none below it.
      (2, 1, 2, nil, "1r 1r", [.start(revision: 2)]),
      (2, 1, 2, nil, "1r 1r 2w", []),
      (2, 1, 2, nil, "1r 1r 2r", [.drain(replica: "0"), .start(revision: 2)]),
      (2, 1, 2, nil, "1d 1r 2r 2w", []),
      (2, 1, 2, nil, "1d 1r 2r 2r", [.drain(replica: "1")]),
      (2, 1, 2, nil, "2r 2r", [.complete]),
      // One that serves nobody is replaced without waiting.
      (2, 1, 2, nil, "1r 1c", [.drain(replica: "1"), .start(revision: 2), .start(revision: 2)]),
      (2, 1, 2, nil, "1r 1r 2c", []),
      // Turned round in the middle.
      (2, 1, 1, nil, "1r 2r 2w", [.drain(replica: "2"), .start(revision: 1)]),
      // At zero there is nothing to try.
      (0, 1, 2, nil, "", [.complete]),
      // A canary stands beside the others.
      (3, 1, 2, 10, "1r 1r 1r", [.start(revision: 2)]),
      (3, 1, 2, 50, "1r 1r 1r 2r", [.start(revision: 2)]),
      (3, 1, 2, 10, "1r 1r 1r 2r", []),
      (3, 1, 2, 10, "1r 1r 2r", [.start(revision: 1)]),
      (1, 2, 3, 10, "1r 2r 3r", [.drain(replica: "0")]),
    ] as [(Int, Int?, Int, Int?, String, [RolloutStep])])
  func theStepsAreThoseOfARollingUpdate(
    count: Int, stable: Int?, target: Int, canary: Int?, present: String, expected: [RolloutStep]
  ) {
    #expect(steps(count, stable: stable, target: target, canary: canary, present) == expected, "\(present)")
  }

  /// Plays random updates to their end: readiness comes and drains end in any order.
  @Test(arguments: 1...50)
  func anUpdateNeverServesWithFewerThanWanted(seed: Int) {
    var random = seed
    func pick(_ count: Int) -> Int {
      random = (random &* 1_103_515_245 &+ 12345) & 0x7FFF_FFFF
      return (random >> 8) % count
    }
    let count = 1 + pick(5)
    var present = (0..<count).map { ReplicaView(id: "old\($0)", revision: 1, state: .ready) }
    var made = 0
    for _ in 0..<1000 {
      let goal = RolloutGoal(replicas: count, stable: 1, target: 2)
      let steps = rolloutSteps(goal, replicas: present)
      if steps == [.complete] { break }
      for step in steps {
        switch step {
        case .start(let revision):
          made += 1
          present.append(ReplicaView(id: "new\(made)", revision: revision, state: .warming))
        case .drain(let id):
          present[present.firstIndex { $0.id == id }!].state = .draining
        case .complete: Issue.record("complete beside other steps")
        }
      }
      #expect(present.count(where: \.isReady) >= count)
      #expect(present.count { !$0.state.isLeaving } <= count + 1)
      let moving = present.indices.filter { present[$0].state == .warming || present[$0].state == .draining }
      guard let index = moving.isEmpty ? nil : moving[pick(moving.count)] else { continue }
      if present[index].state == .warming { present[index].state = .ready } else { present.remove(at: index) }
    }
    #expect(present.filter { !$0.state.isLeaving }.map(\.revision) == Array(repeating: 2, count: count))
  }

  @Test func aRolloutIsOverdueOnlyWhileItLacksReplicas() {
    let goal = RolloutGoal(replicas: 2, stable: 1, target: 2)
    func overdue(_ goal: RolloutGoal, _ present: String, after seconds: Int64) -> Bool {
      isOverdue(
        goal, replicas: replicas(present), progressedAt: 0, deadlineSeconds: 60, now: seconds * 1_000_000_000)
    }
    #expect(!overdue(goal, "1r 1r 2c", after: 60))
    #expect(overdue(goal, "1r 1r 2c", after: 61))
    #expect(!overdue(goal, "2r 2r 1d", after: 61))
    // There is nothing to go back to.
    #expect(!overdue(RolloutGoal(replicas: 2, stable: nil, target: 1), "1c 1c", after: 61))
    // A canary that is ready may stay for as long as it likes.
    #expect(!overdue(RolloutGoal(replicas: 2, stable: 1, target: 2, canaryPercent: 10), "1r 1r 2r", after: 10_000))
  }
}
