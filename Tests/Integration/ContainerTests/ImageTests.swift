import Containers
import ControlDatabase
import FoundationEssentials
import JobStates
import Jobs
import Testing

/// Jobs in an image that podman knows: one of this host's shell and what it needs, as no registry can be relied on.
@Suite(.serialized)
struct ImageTests {
  private let image = "localhost/cairn-test-shell:\(UUID().uuidString.lowercased())"

  @Test func `a job runs in an image that was loaded locally, with its digest recorded`() async throws {
    try await withImage { bench in
      let job = try await bench.run("echo $0 $PWD; echo result > /artifacts/r; exit 4", image: image)
      #expect(job.state == .failed && job.exitCode == 4)
      #expect(try await bench.log(of: job) == ["/bin/sh /workspace"])
      let digest = try #require(try await bench.jobs.attempts(of: job.id).first?.imageDigest)
      #expect(digest.hasPrefix("sha256:"))
      #expect(FileManager.default.fileExists(atPath: "\(bench.storage.mount)/artifacts/tests/\(job.id)/r"))
    }
  }

  @Test func `an image's own entry point is not in the way of the command`() async throws {
    try await withImage(changes: "ENTRYPOINT [\"/bin/sh\", \"-c\", \"echo entry point\"]") { bench in
      let job = try await bench.run("echo command", image: image)
      #expect(try await bench.log(of: job) == ["command"])
    }
  }

  @Test func `when the control plane is drained its jobs are stopped and those in the queue stay`() async throws {
    try await withImage { bench in
      let all = Double(ProcessInfo.processInfo.activeProcessorCount)
      let first = try await bench.submit("while :; do read -t 1 x; done", image: image) { $0.cpus = all }
      let second = try await bench.submit("true", image: image) { $0.cpus = all }
      try await bench.waitUntilRunning(first)
      try await bench.jobs.drain(grace: 1)
      #expect(try await bench.database.job(first.id).state == .stopped)
      #expect(try await bench.database.job(second.id).state == .queued)
      #expect(try await bench.podman.status(of: "cairn-\(first.id)-1") == nil)
    }
  }

  private func withImage(changes: String? = nil, _ body: (Workbench) async throws -> Void) async throws {
    let change = changes.map { "--change '\($0)'" } ?? ""
    _ = try await shell(
      """
      files=$(ldd /bin/sh | grep -o '/[^ ]*')
      tar -C / -chf - ./bin/sh $(for f in $files; do echo .$f; done) | podman import --quiet \(change) - \(image)
      """)
    do {
      try await withWorkbench(body)
    } catch {
      _ = try await shell("podman rmi --force \(image)")
      throw error
    }
    _ = try await shell("podman rmi --force \(image)")
  }
}
