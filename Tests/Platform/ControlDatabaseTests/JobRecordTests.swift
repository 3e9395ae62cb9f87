import ControlDatabase
import FoundationEssentials
import JobStates
import Records
import Testing

struct JobRecordTests {
  @Test func `a job's way to its end is in its events, each with its reason`() async throws {
    try await withDatabase { database in
      let job = try await database.addJob(JobRequest(project: "p", name: "n", image: "i", command: ["c"]))
      #expect(job.state == .queued)
      let attempt = try #require(try await database.beginAttempt(of: job.id, gpus: ["GPU-1"], bootID: "b"))
      #expect(attempt.container == "cairn-\(job.id)-1")
      #expect(try await database.gpuLeases().map(\.gpu) == ["GPU-1"])
      _ = try await database.attemptRuns(attempt, startedAt: 5, imageDigest: "sha256:0")
      let end = try await database.endAttempt(
        attempt, AttemptEnd(.failed, .exitCode, exitCode: 3, time: 9), retry: false, artifactsSealed: true)
      #expect(end.state == .failed && end.exitCode == 3 && end.startedAt == 5 && end.endedAt == 9)
      #expect(try await database.gpuLeases() == [])

      let events = try await database.events(after: 0, subject: job.id)
      #expect(events.map(\.from) == [nil, "queued", "starting", "running"])
      #expect(events.map(\.to) == ["queued", "starting", "running", "failed"])
      #expect(events.map(\.reason) == ["submitted", "resources_leased", "container_started", "exit_code"])
      #expect(events.map(\.sequence) == events.map(\.sequence).sorted())
      #expect(try await database.attempts(of: job.id).map(\.imageDigest) == ["sha256:0"])
    }
  }

  @Test func `jobs that are queued together are queued all or not at all`() async throws {
    try await withDatabase { database in
      var request = JobRequest(project: "p", image: "i", command: ["c"])
      request.group = JobGroup(id: Names.newIdentifier(), members: 2)
      let ids = [Names.newIdentifier(), Names.newIdentifier()]
      let jobs = try await database.addJobs(ids.map { (request: request, id: $0) })
      #expect(jobs.map(\.id) == ids && jobs[0].sequence < jobs[1].sequence)
      #expect(jobs.allSatisfy { $0.request == request })
      // The second has an identifier that there is already.
      await #expect(throws: (any Error).self) {
        try await database.addJobs([(request: request, id: Names.newIdentifier()), (request: request, id: ids[0])])
      }
      #expect(try await database.unfinishedJobs().map(\.id) == ids)
    }
  }

  @Test func `an illegal transition is refused and changes nothing`() async throws {
    try await withDatabase { database in
      let job = try await database.addJob(JobRequest(project: "p", image: "i", command: ["c"]))
      let attempt = try #require(try await database.beginAttempt(of: job.id, gpus: ["GPU-1"], bootID: "b"))
      let before = try await database.events(after: 0)
      // It has not begun to run.
      await #expect(throws: IllegalTransition.self) {
        try await database.endAttempt(
          attempt, AttemptEnd(.succeeded, .exitCode, exitCode: 0, time: 9), retry: false, artifactsSealed: true)
      }
      #expect(try await database.job(job.id).state == .starting)
      #expect(try await database.attempt(1, of: job.id).state == .starting)
      #expect(try await database.gpuLeases().count == 1)
      #expect(try await database.events(after: 0) == before)
    }
  }

  @Test func `a job that is stopped while it runs has been stopped, however it ends`() async throws {
    try await withDatabase { database in
      let job = try await database.addJob(JobRequest(project: "p", image: "i", command: ["c"], retries: 3))
      let attempt = try #require(try await database.beginAttempt(of: job.id, gpus: [], bootID: "b"))
      _ = try await database.attemptRuns(attempt, startedAt: 5, imageDigest: nil)
      #expect(try await database.stop(job.id, .requested, graceSeconds: 3).graceSeconds == 3)
      // The time-out comes too late.
      #expect(try await database.stop(job.id, .timeLimit, graceSeconds: 1).reason == .requested)
      #expect(try await database.stop(job.id, .requested, graceSeconds: 9).graceSeconds == 3)
      #expect(try await database.stop(job.id, .requested, graceSeconds: 2).graceSeconds == 2)
      let end = try await database.endAttempt(
        attempt, AttemptEnd(.failed, .exitCode, exitCode: 3, time: 9), retry: true, artifactsSealed: true)
      #expect(end.state == .stopped && end.reason == .requested && end.exitCode == 3)
      #expect(try await database.stop(job.id, .requested, graceSeconds: 1).state == .stopped)
    }
  }

  @Test func `a job that ran too long is queued again if that was asked for, unless it is stopped meanwhile`()
    async throws
  {
    try await withDatabase { database in
      for isStopped in [false, true] {
        var request = JobRequest(project: "p", image: "i", command: ["c"], retries: 3)
        request.retryPolicy = RetryPolicy(on: [.timedOut], delaySeconds: 0)
        let job = try await database.addJob(request)
        let attempt = try #require(try await database.beginAttempt(of: job.id, gpus: [], bootID: "b"))
        _ = try await database.attemptRuns(attempt, startedAt: 5, imageDigest: nil)
        _ = try await database.stop(job.id, .timeLimit, graceSeconds: 9)
        if isStopped { _ = try await database.stop(job.id, .requested, graceSeconds: 9) }
        let end = try await database.endAttempt(
          attempt, AttemptEnd(.failed, .signal, exitCode: 143, time: 9), retry: true, artifactsSealed: false)
        #expect(end.state == (isStopped ? .stopped : .queued) && end.reason == (isStopped ? .requested : .retry))
        let first = try await database.attempt(1, of: job.id)
        #expect(first.state == (isStopped ? .stopped : .timedOut) && first.exitCode == 143)
      }
    }
  }

  @Test func `an attempt that ends twice ends once`() async throws {
    try await withDatabase { database in
      let job = try await database.addJob(JobRequest(project: "p", image: "i", command: ["c"]))
      let attempt = try #require(try await database.beginAttempt(of: job.id, gpus: [], bootID: "b"))
      #expect(try await database.beginAttempt(of: job.id, gpus: [], bootID: "b") == nil)
      _ = try await database.attemptRuns(attempt, startedAt: 5, imageDigest: nil)
      let end = AttemptEnd(.failed, .exitCode, exitCode: 3, time: 9)
      _ = try await database.endAttempt(attempt, end, retry: true, artifactsSealed: false)
      let second = try #require(try await database.beginAttempt(of: job.id, gpus: [], bootID: "b"))
      #expect(second.number == 2)
      #expect(
        try await database.endAttempt(attempt, end, retry: false, artifactsSealed: true).state == .starting)
    }
  }

  @Test func `a GPU is leased to one job at a time`() async throws {
    try await withDatabase { database in
      let first = try await database.addJob(JobRequest(project: "p", image: "i", command: ["c"]))
      let second = try await database.addJob(JobRequest(project: "p", image: "i", command: ["c"]))
      _ = try await database.beginAttempt(of: first.id, gpus: ["GPU-1"], bootID: "b")
      await #expect(throws: (any Error).self) {
        try await database.beginAttempt(of: second.id, gpus: ["GPU-1"], bootID: "b")
      }
      #expect(try await database.job(second.id).state == .queued)
    }
  }

  @Test func `jobs are found by identifier, prefix and name`() async throws {
    try await withDatabase { database in
      let job = try await database.addJob(JobRequest(project: "p", name: "train", image: "i", command: ["c"]))
      let other = try await database.addJob(JobRequest(project: "q", name: "train", image: "i", command: ["c"]))
      #expect(try await database.jobs(matching: job.id, project: nil) == [job])
      #expect(try await database.jobs(matching: String(job.id.prefix(11)), project: nil) == [job])
      #expect(try await database.jobs(matching: "train", project: nil) == [other, job])
      #expect(try await database.jobs(matching: "train", project: "p") == [job])
      #expect(try await database.jobs(matching: "%", project: nil) == [])
    }
  }

  @Test func `a job is removed only when it has ended, and a project only when it is empty`() async throws {
    try await withDatabase { database in
      let job = try await database.addJob(JobRequest(project: "p", image: "i", command: ["c"]))
      await #expect(throws: ControlError.self) { try await database.removeJob(job.id) }
      await #expect(throws: ControlError.self) { try await database.removeProject("p") }
      _ = try await database.stop(job.id, .requested, graceSeconds: 0)
      try await database.removeJob(job.id)
      try await database.removeProject("p")
      await #expect(throws: ControlError.self) { try await database.removeProject("p") }
      #expect(try await database.events(after: 0, subject: job.id).last?.reason == "removed")
    }
  }

  @Test func `an event log that is followed tells what comes`() async throws {
    try await withDatabase { database in
      async let told: [String] = {
        var told: [String] = []
        for try await event in database.eventLog(subject: "p", follow: true) {
          told.append(event.reason)
          if told.count == 2 { break }
        }
        return told
      }()
      _ = try await database.createProject("p")
      try await database.removeProject("p")
      #expect(try await told == ["created", "removed"])
    }
  }

  @Test func `a second process is kept out, and what was written is there after opening again`() async throws {
    let path = "/tmp/cairn-control.\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    var job: Job?
    do {
      let database = try ControlDatabase(path: path + "/control.db")
      #expect(throws: RecordFileError.inUse(path: path + "/control.db")) {
        try ControlDatabase(path: path + "/control.db")
      }
      job = try await database.addJob(
        JobRequest(project: "p", image: "i", command: ["c"], environment: ["A": "ü"], memoryBytes: 1 << 40))
    }
    let id = try #require(job?.id)
    let database = try ControlDatabase(path: path + "/control.db")
    #expect(try await database.job(id) == job)
    try FileManager.default.removeItem(atPath: path)
  }

  @Test(arguments: ["", ".", "..", "-x", "a/b", "a b", "ü", String(repeating: "a", count: 65), "a\0"])
  func `a bad name is refused`(name: String) async throws {
    #expect(!Names.isValid(name))
    try await withDatabase { database in
      await #expect(throws: ControlError.self) { try await database.createProject(name) }
      await #expect(throws: ControlError.self) {
        try await database.addJob(JobRequest(project: "p", name: name, image: "i", command: ["c"]))
      }
      let projects = try await database.projects()
      #expect(projects.isEmpty)
    }
  }

  @Test func `a directory's name becomes a project's`() {
    #expect(Names.project(forDirectory: "my project") == "my-project")
    #expect(Names.project(forDirectory: ".config") == "config")
    #expect(Names.project(forDirectory: "日本") == "default")
    #expect(Names.isValid(Names.newIdentifier()) && Names.newIdentifier() != Names.newIdentifier())
  }
}

func withDatabase(_ body: (ControlDatabase) async throws -> Void) async throws {
  let path = "/tmp/cairn-control.\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  let result: Result<Void, any Error>
  do { result = .success(try await body(ControlDatabase(path: path + "/control.db"))) } catch {
    result = .failure(error)
  }
  try FileManager.default.removeItem(atPath: path)
  try result.get()
}
