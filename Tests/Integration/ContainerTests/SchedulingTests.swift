import Containers
import ControlDatabase
import FoundationEssentials
import Glibc
import JobStates
import Jobs
import Testing

/// Jobs that are in each other's way, in real containers. Each takes all of the host's processors, as its own control
/// plane counts them.
struct SchedulingTests {
  private let all = Double(sysconf(Int32(_SC_NPROCESSORS_ONLN)))

  @Test func `a preemptible job writes a checkpoint, makes room, and goes on from there`() async throws {
    try await withWorkbench { bench in
      let script = """
        trap 'echo checkpoint > state; echo result > /artifacts/part; exit 3' USR1
        if [ -f state ]; then echo goes on; exit 0; fi
        echo ready
        while :; do sleep 0.05; done
        """
      let low = try await bench.submit(script) {
        $0.cpus = all
        $0.priority = .preemptible
      }
      try await bench.waitForLine("ready", of: low)
      try await bench.waitUntilRunning(low)
      let high = try await bench.submit("echo high") { $0.cpus = all }
      #expect(try await bench.jobs.wait(for: high.id).state == .succeeded)

      let end = try await bench.jobs.wait(for: low.id)
      #expect(end.state == .succeeded && end.attempt == 2)
      let attempts = try await bench.jobs.attempts(of: low.id)
      #expect(attempts.map(\.reason) == [.preempted, .exitCode] && attempts[0].exitCode == 3)
      #expect(try await bench.log(of: end) == ["goes on"])
      let reasons = try await bench.database.events(after: 0, subject: low.id).map(\.reason)
      #expect(
        reasons == [
          "submitted", "resources_leased", "container_started", "preempted", "preempted", "resources_leased",
          "container_started", "exit_code",
        ])
    }
  }

  @Test func `a preemptible job without a handler for the checkpoint signal gets SIGTERM at once`() async throws {
    try await withWorkbench { bench in
      let low = try await bench.submit("trap 'echo told; exit 0' TERM; echo ready; while :; do sleep 0.05; done") {
        $0.cpus = all
        $0.priority = .preemptible
      }
      try await bench.waitForLine("ready", of: low)
      let high = try await bench.submit("echo high") { $0.cpus = all }
      _ = try await bench.jobs.wait(for: high.id)
      _ = try await bench.jobs.stop(low.id, grace: 1)
      var first: [String] = []
      for try await line in bench.jobs.logs(of: low.id, JobLogSelection(attempt: 1)) { first.append(line.text) }
      #expect(first == ["ready", "told"])
    }
  }

  @Test func `jobs of a group start together, and one that waits says what for`() async throws {
    try await withWorkbench { bench in
      let first = try await bench.submit("echo ready; while [ ! -e /storage/go ]; do sleep 0.05; done") {
        $0.cpus = all
      }
      try await bench.waitForLine("ready", of: first)
      let id = Names.newIdentifier()
      var request = JobRequest(project: "tests", image: JobRequest.hostImage, command: ["true"])
      request.cpus = all / 2
      request.group = JobGroup(id: id, members: 2)
      let group = try await bench.jobs.submit([request, request])
      var waits = await bench.jobs.waits(of: group.map(\.id))
      while waits.count < 2 {
        try await Task.sleep(for: .milliseconds(10))
        waits = await bench.jobs.waits(of: group.map(\.id))
      }
      #expect(waits.values.allSatisfy { $0.code == .cpus && $0.sentence.contains("job \(first.id) must end") })
      try Data().write(to: URL(filePath: bench.storage.mount + "/storage/go"))
      for job in group { #expect(try await bench.jobs.wait(for: job.id).state == .succeeded) }
      let leased = try await bench.database.events(after: 0).filter { $0.reason == "resources_leased" }
      #expect(leased.map(\.subject) == [first.id] + group.map(\.id))
      #expect(leased[2].sequence == leased[1].sequence + 1)
    }
  }

  @Test func `a group that lost a job before it started ends, and says why`() async throws {
    try await withWorkbench { bench in
      let first = try await bench.submit("while [ ! -e /storage/go ]; do sleep 0.05; done") { $0.cpus = all }
      try await bench.waitUntilRunning(first)
      var request = JobRequest(project: "tests", image: JobRequest.hostImage, command: ["true"])
      request.cpus = all / 4
      request.group = JobGroup(id: Names.newIdentifier(), members: 3)
      let group = try await bench.jobs.submit([request, request, request])
      #expect(try await bench.jobs.stop(group[1].id).state == .stopped)
      for job in [group[0], group[2]] {
        let end = try await bench.jobs.wait(for: job.id)
        #expect(end.state == .failed && end.reason == .groupIncomplete && end.attempt == 0, "\(end)")
        #expect(end.detail?.contains("its group can't start any more") ?? false, "\(end)")
      }
      _ = try await bench.jobs.stop(first.id, grace: 0)
    }
  }
}
