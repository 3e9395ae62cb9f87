import JobStates
import Testing

struct JobTransitionTests {
  @Test func `no transition leaves a terminal state`() {
    #expect(JobTransition.all.allSatisfy { !$0.from.isTerminal })
  }

  @Test func `every state can be reached from the queue, and an end from every state`() {
    func reachable(from start: JobState) -> Set<JobState> {
      var found: Set<JobState> = [start]
      while true {
        let next = found.union(JobTransition.all.filter { found.contains($0.from) }.map(\.to))
        if next == found { return found }
        found = next
      }
    }
    #expect(reachable(from: .queued) == Set(JobState.allCases))
    for state in JobState.allCases { #expect(reachable(from: state).contains { $0.isTerminal }) }
  }

  @Test func `every reason but submission has a transition, and none leads nowhere`() {
    #expect(Set(JobTransition.all.map(\.reason)) == Set(JobReason.allCases).subtracting([.submitted]))
    #expect(JobTransition.all.allSatisfy { $0.from != $0.to })
  }

  @Test func `a job succeeds by its exit code only, and is out of memory by its limit only`() {
    #expect(Set(JobTransition.all.filter { $0.to == .succeeded }.map(\.reason)) == [.exitCode])
    #expect(Set(JobTransition.all.filter { $0.to == .outOfMemory }.map(\.reason)) == [.memoryLimit])
    #expect(!JobTransition(from: .queued, to: .running, reason: .containerStarted).isLegal)
    #expect(!JobTransition(from: .stopping, to: .succeeded, reason: .exitCode).isLegal)
  }

  @Test func `a state is active exactly while it is neither queued nor ended`() {
    for state in JobState.allCases { #expect(state.isActive == (state != .queued && !state.isTerminal)) }
  }
}
