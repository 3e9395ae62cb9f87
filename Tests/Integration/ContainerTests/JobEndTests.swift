import Containers
import ControlDatabase
import FoundationEssentials
import JobStates
import Jobs
import Testing

/// Every way in which a job can end, in real containers.
struct JobEndTests {
  @Test func `a job that handles SIGTERM is stopped with its own exit code`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.submit("trap 'echo saved; exit 7' TERM; echo ready; while :; do sleep 0.05; done")
      for try await line in bench.jobs.logs(of: job.id, follow: true) where line.text == "ready" { break }
      _ = try await bench.jobs.stop(job.id)
      let end = try await bench.jobs.wait(for: job.id)
      #expect(end.state == .stopped)
      #expect(end.reason == .requested)
      #expect(end.exitCode == 7)
      #expect(try await bench.log(of: job) == ["ready", "saved"])
      #expect(bench.storage.isSealed(end))
    }
  }

  @Test func `a job that ignores SIGTERM is killed after the grace period`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.submit("trap '' TERM; echo ready; while :; do sleep 0.05; done")
      for try await line in bench.jobs.logs(of: job.id, follow: true) where line.text == "ready" { break }
      let start = ContinuousClock.now
      _ = try await bench.jobs.stop(job.id, grace: 1)
      let end = try await bench.jobs.wait(for: job.id)
      #expect(end.state == .stopped)
      #expect(end.exitCode == 137)
      #expect(ContinuousClock.now - start > .seconds(1))
    }
  }

  @Test func `a job that was given long to end is killed sooner when somebody asks for that`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.submit("trap '' TERM; echo up; while :; do sleep 0.05; done")
      try await bench.waitForLine("up", of: job)
      _ = try await bench.jobs.stop(job.id, grace: 3600)
      _ = try await bench.jobs.stop(job.id, grace: 7200)
      #expect(try await bench.database.job(job.id).graceSeconds == 3600)
      _ = try await bench.jobs.stop(job.id, grace: 0)
      let end = try await bench.jobs.wait(for: job.id)
      #expect(end.state == .stopped && end.exitCode == 137, "\(end)")
    }
  }

  @Test func `a job is stopped when its time is up`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.run("echo begun; sleep 600") { $0.timeoutSeconds = 1 }
      #expect(job.state == .timedOut)
      #expect(job.reason == .timeLimit)
      #expect(try await bench.log(of: job) == ["begun"])
      #expect(bench.storage.isSealed(job))
    }
  }

  @Test func `a job that needs more memory than its limit ends as out of memory`() async throws {
    try await withWorkbench { bench in
      try #require(bench.podman.host.limitsMemory, "memory can't be limited here: \(bench.podman.host.findings)")
      let script = "import sys; b = bytearray(200 << 20); print(len(b)); sys.exit(0)"
      let job = try await bench.run("exec python3 -c '\(script)'") { $0.memoryBytes = 64 << 20 }
      #expect(job.state == .outOfMemory)
      #expect(job.reason == .memoryLimit)
      #expect(try await bench.log(of: job) == [])
      #expect(bench.storage.isSealed(job))
    }
  }

  @Test func `a job that another kills with SIGKILL is not taken for out of memory`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.run("kill -KILL $$") { $0.memoryBytes = 256 << 20 }
      #expect(job.state == .failed)
      #expect(job.reason == .signal)
      #expect(job.exitCode == 137)
    }
  }

  @Test func `a job whose image is unknown fails and says so`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.run("true", image: "localhost/cairn-no-such-image:1")
      #expect(job.state == .failed)
      #expect(job.reason == .imageNotFound)
      let detail = try #require(job.detail)
      #expect(detail.hasPrefix("image localhost/cairn-no-such-image:1 is not known here and could not be pulled: "))
      #expect(bench.storage.isSealed(job))
    }
  }

  @Test func `a command that is not in the image fails and says so`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.run("") { $0.command = ["/no/such/program"] }
      #expect(job.state == .failed)
      #expect(job.exitCode == 127)
      #expect(job.detail == "its command /no/such/program could not be run: No such file or directory")
    }
  }

  @Test func `a failed job is tried again as often as was asked`() async throws {
    try await withWorkbench { bench in
      let script = "echo attempt $CAIRN_ATTEMPT; echo x >> /artifacts/tries; test $CAIRN_ATTEMPT = 3"
      let job = try await bench.submit(script) { $0.retries = 5 }
      var log: [String] = []
      for try await line in bench.jobs.logs(of: job.id, follow: true) { log.append(line.text) }
      let end = try await bench.jobs.wait(for: job.id)
      #expect(end.state == .succeeded)
      #expect(end.attempt == 3)
      #expect(log == ["attempt 1", "attempt 2", "attempt 3"])
      #expect(try await bench.jobs.attempts(of: job.id).map(\.state) == [.failed, .failed, .succeeded])
      let tries = "\(bench.storage.mount)/artifacts/tests/\(job.id)/tries"
      #expect(try String(contentsOfFile: tries, encoding: .utf8) == "x\nx\nx\n")
    }
  }

  @Test func `a job can be stopped while it waits in the queue`() async throws {
    try await withWorkbench { bench in
      let all = Double(ProcessInfo.processInfo.activeProcessorCount)
      let first = try await bench.submit("sleep 600") { $0.cpus = all }
      let second = try await bench.submit("true") { $0.cpus = all }
      try await bench.waitUntilRunning(first)
      #expect(try await bench.database.job(second.id).state == .queued)
      #expect(try await bench.jobs.stop(second.id).state == .stopped)
      #expect(try await bench.jobs.stop(first.id, grace: 1).state == .stopping)
      #expect(try await bench.jobs.wait(for: first.id).state == .stopped)
    }
  }

  @Test func `an ended job can be removed and its artifacts stay unless asked`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.run("echo kept > /artifacts/a")
      let artifact = "\(bench.storage.mount)/artifacts/tests/\(job.id)/a"
      try await bench.jobs.remove(job.id)
      #expect(FileManager.default.fileExists(atPath: artifact))
      #expect(!FileManager.default.fileExists(atPath: "\(bench.storage.mount)/workspaces/\(job.id)"))
      #expect(!FileManager.default.fileExists(atPath: "\(bench.directory)/control/logs/\(job.id)"))
      await #expect(throws: ControlError.self) { try await bench.jobs.find(job.id) }
    }
  }
}
