import ControlDatabase
import FoundationEssentials
import JobStates
import Scheduler
import Testing

struct SchedulingRecordTests {
  private func job(_ database: ControlDatabase, _ change: (inout JobRequest) -> Void = { _ in }) async throws -> Job {
    var request = JobRequest(project: "p", image: "i", command: ["c"])
    change(&request)
    return try await database.addJob(request)
  }

  private func quarter(_ shard: Int) -> DeviceSlot { DeviceSlot(device: "GPU-1", shard: shard, shards: 4) }

  @Test func `attempts that begin together begin all or not at all`() async throws {
    try await withDatabase { database in
      let jobs = [try await job(database), try await job(database)]
      let starts = jobs.map { (job: $0.id, slots: [DeviceSlot(device: "GPU-\($0.id)")]) }
      _ = try await database.stop(jobs[1].id, .requested, graceSeconds: 0)
      #expect(try await database.beginAttempts(starts, bootID: "b") == nil)
      #expect(try await database.job(jobs[0].id).state == .queued)
      #expect(try await database.gpuLeases() == [])
    }
  }

  @Test func `a GPU is leased whole or in shards of one size, each once`() async throws {
    try await withDatabase { database in
      let first = try await job(database)
      let second = try await job(database)
      let third = try await job(database)
      let begun = try #require(
        try await database.beginAttempts([(first.id, [quarter(0), quarter(1)])], bootID: "b"))
      #expect(begun[0].gpus == ["GPU-1"])
      for slots in [
        [quarter(1)], [DeviceSlot(device: "GPU-1")], [DeviceSlot(device: "GPU-1", shard: 3, shards: 8)],
      ] {
        await #expect(throws: (any Error).self) {
          try await database.beginAttempts([(second.id, slots)], bootID: "b")
        }
      }
      _ = try await database.beginAttempts([(third.id, [quarter(2)])], bootID: "b")
      #expect(try await database.gpuLeases().map(\.shard) == [0, 1, 2])
    }
  }

  @Test func `a job that is preempted is queued again, and its attempt is no retry`() async throws {
    try await withDatabase { database in
      let job = try await job(database) { $0.retries = 0 }
      let attempt = try #require(try await database.beginAttempt(of: job.id, gpus: ["GPU-1"], bootID: "b"))
      _ = try await database.attemptRuns(attempt, startedAt: 5, imageDigest: nil)
      try await database.preempt(job.id)
      #expect(try await database.job(job.id).reason == .preempted)
      // However it ends.
      for end in [AttemptEnd(.succeeded, .exitCode, exitCode: 0, time: 9)] {
        let queued = try await database.endAttempt(attempt, end, retry: false, artifactsSealed: false)
        #expect(queued.state == .queued && queued.reason == .preempted && queued.endedAt == nil)
      }
      #expect(try await database.gpuLeases() == [])
      #expect(try await database.attempt(1, of: job.id).reason == .preempted)
      #expect(try await database.countedAttempts(of: job.id) == 0)
      // It is over: nobody is stopped.
      try await database.preempt(job.id)
      #expect(try await database.job(job.id).state == .queued)
    }
  }

  @Test func `a job that somebody stops while it is preempted has been stopped`() async throws {
    try await withDatabase { database in
      let job = try await job(database)
      let attempt = try #require(try await database.beginAttempt(of: job.id, gpus: [], bootID: "b"))
      _ = try await database.attemptRuns(attempt, startedAt: 5, imageDigest: nil)
      try await database.preempt(job.id)
      #expect(try await database.stop(job.id, .requested, graceSeconds: 3).reason == .requested)
      let end = try await database.endAttempt(
        attempt, AttemptEnd(.failed, .signal, exitCode: 143, time: 9), retry: false, artifactsSealed: true)
      #expect(end.state == .stopped && end.reason == .requested)
    }
  }

  @Test func `what an attempt held is charged to its project`() async throws {
    try await withDatabase { database in
      let job = try await job(database) {
        $0.gpus = 2
        $0.cpus = 4
      }
      let attempt = try #require(try await database.beginAttempt(of: job.id, gpus: ["GPU-1", "GPU-2"], bootID: "b"))
      _ = try await database.attemptRuns(attempt, startedAt: 5, imageDigest: nil)
      #expect(try await database.projectAccounts(at: 0).isEmpty)
      try await Task.sleep(for: .milliseconds(50))
      let end = AttemptEnd(.succeeded, .exitCode, exitCode: 0, time: 9)
      _ = try await database.endAttempt(attempt, end, retry: false, artifactsSealed: true)
      let used = try #require(try await database.projectAccounts(at: attempt.createdAt)["p"]).usage
      #expect(used.gpuSeconds >= 0.1 && abs(used.cpuSeconds - 2 * used.gpuSeconds) < 1e-9)
      let later = try #require(
        try await database.projectAccounts(at: attempt.createdAt + 10 * 86_400_000_000_000)["p"]
      ).usage
      #expect(later.gpuSeconds > 0 && later.gpuSeconds < used.gpuSeconds / 900)
    }
  }

  @Test func `a project's queue is no longer than its quota`() async throws {
    try await withDatabase { database in
      _ = try await database.createProject("p")
      try await database.setQuota(ProjectQuota(gpus: 3, queued: 2), of: "p")
      #expect(try await database.projectAccounts(at: 0)["p"]?.quota == ProjectQuota(gpus: 3, queued: 2))
      _ = try await job(database)
      let request = JobRequest(project: "p", image: "i", command: ["c"])
      await #expect(throws: ControlError.self) {
        try await database.addJobs([(request, Names.newIdentifier()), (request, Names.newIdentifier())])
      }
      #expect(try await database.unfinishedJobs().count == 1)
      _ = try await job(database)
      await #expect(throws: ControlError.self) { try await job(database) }
      try await database.setQuota(ProjectQuota(), of: "p")
      _ = try await job(database)
      await #expect(throws: ControlError.self) { try await database.setQuota(ProjectQuota(), of: "q") }
      await #expect(throws: ControlError.self) { try await database.setQuota(ProjectQuota(gpus: -1), of: "p") }
    }
  }

  @Test func `the jobs that have changed are told, and those that are no more`() async throws {
    try await withDatabase { database in
      let first = try await job(database)
      let second = try await job(database)
      let all = try await database.jobChanges(after: nil)
      #expect(Set(all.jobs) == [first, second])
      _ = try await database.stop(first.id, .requested, graceSeconds: 0)
      let changes = try await database.jobChanges(after: all.sequence)
      #expect(changes.jobs.map(\.id) == [first.id] && changes.jobs[0].state == .stopped)
      try await database.removeJob(first.id)
      let last = try await database.jobChanges(after: changes.sequence)
      #expect(last.jobs == [] && last.removed == [first.id])
      #expect(try await database.jobChanges(after: last.sequence).jobs == [])
    }
  }
}
