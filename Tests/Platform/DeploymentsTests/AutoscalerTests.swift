import Testing

@testable import Deployments

@Suite struct AutoscalerTests {
  private let scaling = Scaling(minimum: 0, maximum: 5, targetInFlight: 2, idleSeconds: 30)

  /// Feeds one number a second and returns how many replicas there are after each.
  private func run(_ scaling: Scaling, from start: Int, _ inFlight: [Int]) -> [Int] {
    var autoscaler = Autoscaler(scaling, now: 0)
    var current = start
    return inFlight.enumerated().map { second, count in
      autoscaler.observe(inFlight: count, now: Double(second))
      current = autoscaler.replicas(current: current, now: Double(second))
      return current
    }
  }

  @Test func aRequestAtZeroBringsAReplicaAtOnce() {
    #expect(run(scaling, from: 0, [0, 1]) == [0, 1])
  }

  @Test func moreComeWithinSecondsAndNotForOneSlowRequest() {
    let counts = run(scaling, from: 1, [1, 8, 8, 8, 8, 8, 8, 8])
    #expect(counts.first == 1)
    #expect(counts.last == 4)
    #expect(run(scaling, from: 1, [1, 1, 1, 3, 1, 1, 1]).allSatisfy { $0 == 1 })
  }

  @Test func neverMoreThanTheMaximum() {
    #expect(run(scaling, from: 1, Array(repeating: 1000, count: 10)).last == 5)
  }

  @Test func theyGoWhenIdleForTheWholeTime() {
    let counts = run(scaling, from: 1, [8, 8, 8] + Array(repeating: 0, count: 50))
    #expect(counts[20] >= 3)
    #expect(counts[32] >= 1)
    #expect(counts.last == 0)
    // What is asked for now and then keeps one.
    let seldom = (0..<100).map { $0 % 20 == 0 ? 1 : 0 }
    #expect(run(scaling, from: 1, seldom).allSatisfy { $0 == 1 })
  }

  @Test func aFixedNumberStays() {
    #expect(run(.fixed(3), from: 3, [100, 100, 0, 0]) == [3, 3, 3, 3])
  }

  @Test func theyAreKeptAfterTheDaemonsStart() {
    // Nothing is known of the time before it.
    #expect(run(scaling, from: 3, Array(repeating: 0, count: 20)).allSatisfy { $0 == 3 })
  }
}
