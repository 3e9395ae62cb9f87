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
    // Only what is being stopped, to be queued again, may be told that it will not be.
    #expect(JobTransition.all.filter { $0.from == $0.to }.map(\.from) == [.stopping])
  }

  @Test func `an attempt is never queued, is seen to start before it runs, and ends once`() {
    let transitions = JobTransition.ofAttempts
    #expect(transitions.allSatisfy { !$0.from.isTerminal && $0.from != $0.to })
    #expect(!transitions.contains { $0.from == .queued || $0.to == .queued || $0.to == .stopping })
    #expect(!transitions.contains { $0.to == .starting })
    #expect(Set(transitions.map(\.to)) == Set(JobState.allCases).subtracting([.queued, .starting, .stopping]))
  }

  @Test func `a job succeeds by its exit code only, and is out of memory by its limit only`() {
    #expect(Set(JobTransition.all.filter { $0.to == .succeeded }.map(\.reason)) == [.exitCode])
    #expect(Set(JobTransition.all.filter { $0.to == .outOfMemory }.map(\.reason)) == [.memoryLimit])
    #expect(!JobTransition.all.contains { $0.from == .queued && $0.to == .running })
    #expect(!JobTransition.all.contains { $0.from == .stopping && $0.to == .succeeded })
  }

  @Test func `a state is active exactly while it is neither queued nor ended`() {
    for state in JobState.allCases { #expect(state.isActive == (state != .queued && !state.isTerminal)) }
  }
}
