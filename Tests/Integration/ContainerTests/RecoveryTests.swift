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

  @Test func `a job whose monitor is killed is lost when its command ends`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.submit("while [ ! -e go ]; do sleep 0.05; done")
      try await bench.waitUntilRunning(job)
      let status = try #require(try await bench.podman.status(of: "cairn-\(job.id)-1"))
      kill(status.monitorPID, SIGKILL)
      try await Task.sleep(for: .seconds(2))
      #expect(try await bench.database.job(job.id).state == .running)
      let go = "\(bench.storage.mount)/workspaces/\(job.id)/go"
      #expect(FileManager.default.createFile(atPath: go, contents: nil))
      #expect(try await bench.jobs.wait(for: job.id).state == .lost)
    }
  }
}
