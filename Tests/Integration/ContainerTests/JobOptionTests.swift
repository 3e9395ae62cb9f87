import Containers
import ControlDatabase
import FoundationEssentials
import JobStates
import Jobs
import Testing

/// What a job waits for, what follows its failure, and how it is reached.
struct JobOptionTests {
  @Test func `a job waits for the one that it depends on`() async throws {
    try await withWorkbench { bench in
      let first = try await bench.submit("while [ ! -e go ]; do sleep 0.05; done; echo first >> /storage/order")
      let second = try await bench.submit("echo second >> /storage/order") {
        $0.dependsOn = [JobDependency(job: first.id, condition: .ok)]
      }
      try await bench.waitUntilRunning(first)
      #expect(try await bench.database.job(second.id).state == .queued)
      #expect(
        FileManager.default.createFile(
          atPath: "\(bench.storage.mount)/workspaces/\(first.id)/go", contents: nil))
      #expect(try await bench.jobs.wait(for: second.id).state == .succeeded)
      let order = try String(contentsOfFile: "\(bench.storage.mount)/storage/order", encoding: .utf8)
      #expect(order == "first\nsecond\n")
    }
  }

  @Test func `a job fails when the one that it depends on does, unless any end will do`() async throws {
    try await withWorkbench { bench in
      let first = try await bench.run("exit 1")
      let second = try await bench.submit("true") { $0.dependsOn = [JobDependency(job: first.id, condition: .ok)] }
      let third = try await bench.submit("true") { $0.dependsOn = [JobDependency(job: second.id, condition: .ok)] }
      let fourth = try await bench.submit("true") { $0.dependsOn = [JobDependency(job: third.id, condition: .any)] }
      for job in [second, third] {
        let end = try await bench.jobs.wait(for: job.id)
        #expect(end.state == .failed && end.reason == .dependencyFailed && end.attempt == 0, "\(end)")
        #expect(end.detail?.hasSuffix("ended as failed") ?? false, "\(end)")
      }
      #expect(try await bench.jobs.wait(for: fourth.id).state == .succeeded)
      try await bench.jobs.remove(first.id)
      await #expect(throws: ControlError.self) {
        try await bench.submit("true") { $0.dependsOn = [JobDependency(job: first.id, condition: .any)] }
      }
    }
  }

  @Test func `only ends that the policy names are followed by another attempt, after a delay that doubles`()
    async throws
  {
    try await withWorkbench { bench in
      let never = try await bench.run("exit 1") {
        $0.retries = 3
        $0.retryPolicy = RetryPolicy(on: [.lost], delaySeconds: 0)
      }
      #expect(never.state == .failed && never.attempt == 1)
      let twice = try await bench.run("exit 1") {
        $0.retries = 2
        $0.retryPolicy = RetryPolicy(on: [.failed], delaySeconds: 1)
      }
      #expect(twice.attempt == 3)
      let attempts = try await bench.jobs.attempts(of: twice.id)
      for (earlier, later) in zip(attempts, attempts.dropFirst()) {
        let delay = later.createdAt - (earlier.endedAt ?? 0)
        #expect(delay >= Int64(1_000_000_000) << Int64(earlier.number - 1), "\(attempts)")
      }
    }
  }

  @Test func `a job that ran too long is tried again only if its policy says so`() async throws {
    #expect(!RetryPolicy.standard.on.contains(.timedOut))
    try await withWorkbench { bench in
      let script = "echo attempt $CAIRN_ATTEMPT; [ $CAIRN_ATTEMPT = 2 ] || sleep 600"
      let once = try await bench.run(script) {
        $0.timeoutSeconds = 5
        $0.retries = 1
      }
      #expect(once.state == .timedOut && once.attempt == 1, "\(once)")
      let twice = try await bench.run(script) {
        $0.timeoutSeconds = 5
        $0.retries = 1
        $0.retryPolicy = RetryPolicy(on: [.timedOut], delaySeconds: 0)
      }
      #expect(twice.state == .succeeded && twice.attempt == 2, "\(twice)")
      let attempts = try await bench.jobs.attempts(of: twice.id)
      #expect(attempts.map(\.state) == [.timedOut, .succeeded] && attempts[0].reason == .timeLimit)
    }
  }

  @Test func `delays double, and grow no longer than an hour`() {
    let policy = RetryPolicy(on: [.failed], delaySeconds: 3)
    #expect((1...4).map { policy.delay(after: $0) } == [3, 6, 12, 24])
    #expect(policy.delay(after: 1000) == RetryPolicy.longestDelay)
    #expect(RetryPolicy(on: [.failed], delaySeconds: 0).delay(after: 70) == 0)
  }

  @Test func `a job's port is reached on this host, at the address that its attempt tells`() async throws {
    try await withWorkbench { bench in
      let server =
        "import http.server, socketserver\\nsocketserver.TCPServer(('', 8123), "
        + "http.server.SimpleHTTPRequestHandler).serve_forever()"
      let job = try await bench.submit("echo hello > index.html; exec python3 -c \"exec('''\(server)''')\"") {
        $0.ports = [PublishedPort(container: 8123)]
        $0.cpus = nil
      }
      try await bench.waitUntilRunning(job)
      let port = try #require(try await bench.database.attempt(1, of: job.id).ports?.first)
      #expect(port.container == 8123 && port.address == "127.0.0.1" && port.host != nil)
      let answer = try await shell(
        "curl --silent --retry 40 --retry-delay 1 --retry-all-errors --max-time 60 "
          + "http://127.0.0.1:\(port.host ?? 0)/index.html")
      #expect(answer == ["hello"])
      _ = try await bench.jobs.stop(job.id, grace: 0)
    }
  }
}
