import ControlDatabase
import FoundationEssentials
import JobStates
import Jobs
import Synchronization
import Testing

/// The snapshots that workspaces are cloned from go when nothing needs them any more, and no sooner.
struct SnapshotTests {
  private func expectRemoval(of snapshot: UInt32, in bench: Workbench) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while bench.storage.hasSnapshot(snapshot), .now < deadline { try await Task.sleep(for: .milliseconds(10)) }
    #expect(!bench.storage.hasSnapshot(snapshot))
    // The note of it goes after.
    while try await !bench.database.retiredSnapshots().isEmpty, .now < deadline {
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  @Test func `a snapshot is there as long as a job or a repetition of one is, and goes with the last`() async throws {
    try await withWorkbench { bench in
      let snapshot = try bench.storage.addSnapshot(["a": "1"])
      let first = try await bench.run("cat a") { $0.workspaceSnapshot = snapshot }
      #expect(try await bench.log(of: first) == ["1"])
      let second = try await bench.jobs.submit(bench.jobs.repetition(of: first.id))
      #expect(try await bench.jobs.wait(for: second.id).state == .succeeded)
      try await bench.jobs.remove(first.id)
      #expect(try await bench.database.retiredSnapshots() == [])
      let third = try await bench.jobs.submit(bench.jobs.repetition(of: second.id))
      #expect(try await bench.jobs.wait(for: third.id).state == .succeeded)
      try await bench.jobs.remove(second.id)
      #expect(bench.storage.hasSnapshot(snapshot))
      try await bench.jobs.remove(third.id)
      try await expectRemoval(of: snapshot, in: bench)
    }
  }

  @Test func `what an experiment, a run or a model version names stays when its job goes`() async throws {
    let kept = Mutex<Set<UInt32>>([])
    let bench = try await Workbench(keepingSnapshots: { kept.withLock { $0 } })
    let snapshot = try bench.storage.addSnapshot(["a": "1"])
    let other = try bench.storage.addSnapshot(["a": "2"])
    kept.withLock { $0 = [snapshot] }
    for number in [snapshot, other] {
      let job = try await bench.run("cat a") { $0.workspaceSnapshot = number }
      try await bench.jobs.remove(job.id)
    }
    try await expectRemoval(of: other, in: bench)
    #expect(bench.storage.hasSnapshot(snapshot))
    kept.withLock { $0 = [] }
    try await bench.jobs.release(snapshot: snapshot)
    try await expectRemoval(of: snapshot, in: bench)
    try await bench.close()
  }

  @Test func `what a daemon that ended left of snapshots the next one removes, and nothing that is needed`()
    async throws
  {
    let directory: String
    let (retired, unused, needed): (UInt32, UInt32, UInt32)
    do {
      let first = try await Workbench()
      directory = first.directory
      retired = try first.storage.addSnapshot(["a": "1"])
      unused = try first.storage.addSnapshot(["a": "2"])
      needed = try first.storage.addSnapshot(["a": "3"])
      let job = try await first.run("cat a") { [retired] in $0.workspaceSnapshot = retired }
      _ = try await first.run("cat a") { [needed] in $0.workspaceSnapshot = needed }
      await first.leave()
      // Between the two steps of a removal.
      try await first.database.removeJob(job.id)
      #expect(try await first.database.retiredSnapshots() == [retired])
      await #expect(throws: ControlError.self) {
        try await first.submit("true") { [retired] in $0.workspaceSnapshot = retired }
      }
    }
    try await withWorkbench(at: directory) { second in
      try await expectRemoval(of: retired, in: second)
      try await expectRemoval(of: unused, in: second)
      #expect(second.storage.hasSnapshot(needed))
    }
  }
}
