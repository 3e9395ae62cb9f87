import Testing

@testable import Fuse

@Suite struct RestartPolicyTests {
  @Test func aServerThatDiesIsReplacedAtOnceUntilItDiesTooOften() {
    var policy = RestartPolicy(limit: 3, window: 60)
    #expect((0..<3).map { policy.delay(after: .death, at: $0) } == [0, 0, 0])
    #expect(policy.delay(after: .death, at: 3) == nil && policy.count == 4)
  }

  @Test func failuresAreForgottenAfterAWhile() {
    var policy = RestartPolicy(limit: 2, window: 60)
    for time in stride(from: 0, to: 1000, by: 30) { #expect(policy.delay(after: .death, at: time) == 0) }
    #expect(policy.delay(after: .takeover, at: 2000) == 1)
    #expect(policy.delay(after: .takeover, at: 3000) == 1)
  }

  @Test func takeoversInVainAreTriedLessAndLessOften() {
    var policy = RestartPolicy(limit: 1000, window: 60)
    #expect(policy.delay(after: .death, at: 0) == 0)
    var now = 0
    var delays: [Int] = []
    for _ in 0..<8 {
      let delay = policy.delay(after: .takeover, at: now) ?? -1
      delays.append(delay)
      now += delay
    }
    #expect(delays.prefix(6) == [1, 2, 4, 8, 16, 16] && delays.allSatisfy { $0 > 0 })
  }
}
