import Containers
import ControlDatabase
import FoundationEssentials
import Glibc
import JobStates
import Jobs
import Testing

/// A control plane that ends while containers run, and the next one.
struct RecoveryTests {
  @Test func `a job that runs on while there is no control plane is picked up again`() async throws {
    let job: Job
    let directory: String
    do {
      let first = try await Workbench()
      directory = first.directory
      job = try await first.submit("echo one; while [ ! -e go ]; do sleep 0.05; done; echo two; exit 5")
      try await first.waitUntilRunning(job)
      await first.leave()
    }
    try await withWorkbench(at: directory) { second in
      #expect(try await second.database.job(job.id).state == .running)
      let go = "\(directory)/mount/workspaces/\(job.id)/go"
      #expect(FileManager.default.createFile(atPath: go, contents: nil))
      let end = try await second.jobs.wait(for: job.id)
      #expect(end.state == .failed && end.exitCode == 5 && end.attempt == 1)
      #expect(try await second.log(of: job) == ["one", "two"])
      #expect(second.storage.isSealed(end))
    }
  }

  @Test func `a job that ended while there was no control plane is finished`() async throws {
    let job: Job
    let directory: String
    do {
      let first = try await Workbench()
      directory = first.directory
      job = try await first.submit("sleep 1; echo done > /artifacts/done")
      try await first.waitUntilRunning(job)
      await first.leave()
    }
    while !FileManager.default.fileExists(atPath: "\(directory)/mount/artifacts/tests/\(job.id)/done") {
      try await Task.sleep(for: .milliseconds(50))
    }
    try await Task.sleep(for: .seconds(1))
    try await withWorkbench(at: directory) { second in
      let end = try await second.jobs.wait(for: job.id)
      #expect(end.state == .succeeded && end.exitCode == 0)
      #expect(try #require(end.endedAt) < Int64(Date().timeIntervalSince1970 * 1e9) - 500_000_000)
    }
  }

  @Test func `a job whose container vanished is lost`() async throws {
    let job: Job
    let directory: String
    do {
      let first = try await Workbench()
      directory = first.directory
      job = try await first.submit("sleep 600")
      try await first.waitUntilRunning(job)
      await first.leave()
      try await first.podman.remove("cairn-\(job.id)-1")
    }
    try await withWorkbench(at: directory) { second in
      let end = try await second.jobs.wait(for: job.id)
      #expect(end.state == .lost && end.reason == .containerVanished && end.exitCode == nil)
      #expect(second.storage.isSealed(end))
    }
  }

  @Test(arguments: [0, 5] as [Int32])
  func `a job whose monitor is killed ends with its command's own exit code`(code: Int32) async throws {
    try await withWorkbench { bench in
      let job = try await bench.submit("while [ ! -e go ]; do sleep 0.05; done; exit \(code)")
      try await bench.killMonitor(of: job)
      try await Task.sleep(for: .seconds(2))
      #expect(try await bench.database.job(job.id).state == .running)
      bench.goOn(job)
      let end = try await bench.jobs.wait(for: job.id)
      #expect(end.exitCode == code && end.state == (code == 0 ? .succeeded : .failed), "\(end)")
      #expect(end.detail?.contains("conmon, was killed") ?? false, "\(end)")
      try await bench.expectNothingLeft(of: job)
    }
  }

  @Test func `what a job writes after its monitor was killed ends it by SIGPIPE, and that is told`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.submit("while [ ! -e go ]; do sleep 0.05; done; exec seq 100000")
      try await bench.killMonitor(of: job)
      bench.goOn(job)
      let end = try await bench.jobs.wait(for: job.id)
      #expect(end.exitCode == 128 + SIGPIPE && end.reason == .signal, "\(end)")
      #expect(end.detail?.contains("conmon, was killed") ?? false, "\(end)")
    }
  }

  @Test func `a job whose monitor was killed is stopped all the same`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.submit("trap 'exit 9' TERM; while :; do sleep 0.05; done")
      try await bench.killMonitor(of: job)
      _ = try await bench.jobs.stop(job.id, grace: 20)
      let end = try await bench.jobs.wait(for: job.id)
      #expect(end.state == .stopped && end.exitCode == 9, "\(end)")
    }
  }

  @Test func `a job whose monitor is killed while there is no control plane goes on to its exit code`() async throws {
    let job: Job
    let directory: String
    do {
      let first = try await Workbench()
      directory = first.directory
      job = try await first.submit("while [ ! -e go ]; do sleep 0.05; done; exit 5")
      try await first.waitUntilItsProcessIsNoted(job)
      await first.leave()
      try await first.killMonitor(of: job)
    }
    try await withWorkbench(at: directory) { second in
      try await Task.sleep(for: .seconds(2))
      second.goOn(job)
      let end = try await second.jobs.wait(for: job.id)
      #expect(end.state == .failed && end.exitCode == 5, "\(end)")
    }
  }
}

extension Workbench {
  /// Ends the process that watches a running job's container, and nothing else.
  fileprivate func killMonitor(of job: Job) async throws {
    try await waitUntilItsProcessIsNoted(job)
    let status = try #require(try await podman.status(of: "cairn-\(job.id)-1"))
    kill(status.monitorPID, SIGKILL)
  }

  /// Lets a job go on that waits for this.
  fileprivate func goOn(_ job: Job) {
    #expect(FileManager.default.createFile(atPath: "\(storage.mount)/workspaces/\(job.id)/go", contents: nil))
  }
}
