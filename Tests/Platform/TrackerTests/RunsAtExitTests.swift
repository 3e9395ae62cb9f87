import Testing

@testable import Tracker

/// Which run of a failed attempt its client has ended in passing. Times are milliseconds; the attempt ends at 100,000.
@Suite struct RunsAtExitTests {
  private let bench = TrackerBench()

  private func run(_ id: Int64, _ status: RunStatus, from start: Int64, to end: Int64?) -> Run {
    Run(
      id: id, identifier: "\(id)", name: "", user: "", status: status, stage: .active, startTime: start, endTime: end,
      experiment: 0, artifactLocation: nil, job: "j", attempt: 1)
  }

  private func ended(_ runs: [Run]) -> Int64? { RunsAtExit.endedByExit(runs, at: 100_000)?.id }

  @Test func `the run that finished last, at the attempt's end, was ended by the exit`() {
    #expect(ended([run(1, .finished, from: 0, to: 99_900)]) == 1)
    #expect(ended([run(1, .finished, from: 0, to: 90_000)]) == 1)
    #expect(ended([run(2, .finished, from: 60_000, to: 99_900), run(1, .finished, from: 0, to: 99_800)]) == 2)
    // A parent ends after its children.
    #expect(ended([run(1, .finished, from: 0, to: 99_900), run(2, .finished, from: 60_000, to: 99_800)]) == 1)
  }

  @Test func `what finished long before the end was the program's word`() {
    #expect(ended([run(1, .finished, from: 0, to: 89_999)]) == nil)
    #expect(ended([run(1, .finished, from: 0, to: 200_000)]) == nil)
    #expect(ended([]) == nil)
  }

  @Test func `where the program was at another run, those before stay as they are`() {
    let finished = run(1, .finished, from: 0, to: 99_900)
    #expect(ended([finished, run(2, .running, from: 99_950, to: nil)]) == nil)
    // A child of a run that is open still.
    #expect(ended([finished, run(2, .running, from: 0, to: nil)]) == nil)
    #expect(ended([finished, run(2, .failed, from: 0, to: 99_950)]) == nil)
    #expect(ended([finished, run(2, .failed, from: 99_950, to: 99_960)]) == nil)
    // Two at once: neither is the last.
    #expect(ended([finished, run(2, .finished, from: 0, to: 99_900)]) == nil)
    // Started later, with an end that was set to lie before.
    #expect(ended([finished, run(2, .finished, from: 99_950, to: 5)]) == nil)
  }

  @Test func `a failed attempt's last run is failed though its client finished it, and an earlier one is not`()
    async throws
  {
    let tracker = try bench.open()
    let project = try await tracker.project("p")
    let first = try await project.newRun(job: "j1")
    let now = try await project.run(first).run.startTime
    _ = try await project.updateRun(first, status: .finished, endTime: now + 1)
    let last = try await project.newRun(job: "j1")
    _ = try await project.updateRun(last, status: .finished, endTime: now + 5000)
    // Cairn's own, of files that the job writes.
    let curve = try await project.newRun(tags: [KeyValue(Tracker.directoryTag, "logs")], job: "j1")
    #expect(try await tracker.endRuns(of: "j1", attempt: 2, as: .failed, time: now + 6000) == [])
    let changed = try await tracker.endRuns(of: "j1", attempt: 1, as: .failed, time: now + 6000)
    #expect(Set(changed) == [last, curve])
    // A daemon that ended in between asks again.
    #expect(try await tracker.endRuns(of: "j1", attempt: 1, as: .failed, time: now + 6000) == [])
    let runs = try await tracker.runs(of: "j1")
    #expect(Set(runs.filter { $0.status == .failed }.map(\.identifier)) == [last, curve])
    #expect(runs.first { $0.identifier == last }?.endTime == now + 5000)
    #expect(runs.first { $0.identifier == first }?.status == .finished)
  }

  @Test func `an attempt that succeeded leaves its runs as they ended`() async throws {
    let tracker = try bench.open()
    let project = try await tracker.project("p")
    let run = try await project.newRun(job: "j1")
    let now = try await project.run(run).run.startTime
    _ = try await project.updateRun(run, status: .finished, endTime: now + 1)
    #expect(try await tracker.endRuns(of: "j1", attempt: 1, as: .finished, time: now + 2) == [])
    #expect(try await tracker.endRuns(of: "j1", attempt: 1, as: .killed, time: now + 2) == [run])
  }
}
