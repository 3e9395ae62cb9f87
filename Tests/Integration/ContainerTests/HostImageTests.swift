import ControlDatabase
import FoundationEssentials
import JobStates
import Testing

/// Jobs on the host's own root file system, in real containers.
struct HostImageTests {
  @Test func `a job runs on the host's root file system and its exit code, log and artifacts are kept`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.run("echo out; echo err >&2; echo result > /artifacts/r; pwd; exit 3")
      #expect(job.state == .failed)
      #expect(job.reason == .exitCode)
      #expect(job.exitCode == 3)
      #expect(Set(try await bench.log(of: job)) == ["out", "err", "/workspace"])
      let result = try String(contentsOfFile: "\(bench.storage.mount)/artifacts/tests/\(job.id)/r", encoding: .utf8)
      #expect(result == "result\n")
      #expect(bench.storage.isSealed(job))
    }
  }
}
