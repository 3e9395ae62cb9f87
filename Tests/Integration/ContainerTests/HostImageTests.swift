import ControlDatabase
import FoundationEssentials
import Glibc
import JobStates
import Jobs
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

  @Test func `a job finds the programs that the host finds`() async throws {
    try await withWorkbench { bench in
      let command = "command -v python3; python3 -c 'import sys; print(sys.version)'"
      let job = try await bench.run(command)
      #expect(try await bench.log(of: job) == shell(command))
    }
  }

  @Test func `what a job changes in the host's root stays in the job, and storage is shared`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.run("touch /etc/cairn-test-leak /tmp/cairn-test-leak && echo shared > /storage/s")
      #expect(job.state == .succeeded)
      #expect(!FileManager.default.fileExists(atPath: "/etc/cairn-test-leak"))
      #expect(!FileManager.default.fileExists(atPath: "/tmp/cairn-test-leak"))
      #expect(try String(contentsOfFile: "\(bench.storage.mount)/storage/s", encoding: .utf8) == "shared\n")
      try await bench.jobs.remove(job.id)
      #expect(!FileManager.default.fileExists(atPath: "\(bench.directory)/control/overlays/cairn-\(job.id)-1"))
    }
  }

  @Test func `keys, sockets and Cairn's own state are not there`() async throws {
    let secret = "/var/lib/cairn-test-secret"
    try FileManager.default.createDirectory(atPath: secret, withIntermediateDirectories: true)
    try "secret".write(toFile: secret + "/key", atomically: false, encoding: .utf8)
    try await withWorkbench(masking: [secret]) { bench in
      let job = try await bench.run(
        "for d in \(secret) \(bench.directory) /etc/ssh /root/.ssh /var/lib/containers; do ls -A $d; done 2>/dev/null; "
          + "ls -A /run | grep -v -e podman-init -e .containerenv; true")
      #expect(job.state == .succeeded)
      #expect(try await bench.log(of: job) == [])
    }
    try FileManager.default.removeItem(atPath: secret)
  }

  @Test func `a key outside of masked directories is not there either`() async throws {
    let key = "/var/lib/cairn-test-\(UUID().uuidString).key"
    try "secret".write(toFile: key, atomically: false, encoding: .utf8)
    defer { unlink(key) }
    try await withWorkbench(masking: [key]) { bench in
      let job = try await bench.run("cat \(key); ls /var/lib/cairn-test-*.key")
      #expect(job.state == .succeeded)
      #expect(try await bench.log(of: job) == [key])
    }
  }

  @Test func `the environment tells a job who it is, and keeps values of several lines`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.run(
        "echo $CAIRN_JOB_ID $CAIRN_ATTEMPT $CAIRN_PROJECT; printf '%s|' \"$ONE\" \"$TWO\" \"$THREE\""
      ) {
        $0.environment = ["ONE": "a  b # c", "TWO": "x\ny", "THREE": "\"quoted\" $HOME"]
      }
      let log = try await bench.log(of: job)
      #expect(log == ["\(job.id) 1 tests", "a  b # c|x", "y|\"quoted\" $HOME|"])
    }
  }
}
