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

  @Test func `all attempts of a job run the image that the first one ran, also when its name stands for another`()
    async throws
  {
    try await withImage { bench in
      let job = try await bench.submit("echo $CAIRN_ATTEMPT; test $CAIRN_ATTEMPT = 2", image: image) {
        $0.retries = 3
        $0.retryPolicy = RetryPolicy(on: [.failed], delaySeconds: 3)
      }
      for await _ in bench.database.watchChanges() {
        if try await bench.database.job(job.id).notBefore != nil { break }
      }
      let pinned = try #require(try await bench.database.job(job.id).pinnedImage)
      // An image without a shell takes the name.
      _ = try await shell("podman untag \(image); tar -C / -chf - ./etc/hostname | podman import --quiet - \(image)")
      let end = try await bench.jobs.wait(for: job.id)
      #expect(end.state == .succeeded && end.attempt == 2, "\(end)")
      let again = try await bench.jobs.submit(bench.jobs.repetition(of: job.id))
      #expect(again.pinnedImage == pinned && again.request.rerunOf == job.id)
      #expect(try await bench.jobs.wait(for: again.id).pinnedImage == pinned)
      // Whose container is being removed its image can't be.
      try await bench.expectNothingLeft(of: again)
      _ = try await shell("podman rmi --force \(pinned.id)")
    }
  }

  @Test func `an image is built from the workspace, once for all attempts, and goes with the job`() async throws {
    try await withImage { bench in
      let snapshot = try bench.storage.addSnapshot([
        "Dockerfile": "FROM \(image)\nCOPY data /data\nENV BUILT=yes\n", "data": "from the workspace\n",
      ])
      let script = "read line < /data; echo $line $BUILT; test $CAIRN_ATTEMPT = 2"
      let job = try await bench.run(script, image: "localhost/cairn-build") {
        $0.dockerfile = "Dockerfile"
        $0.workspaceSnapshot = snapshot
        $0.retries = 1
        $0.retryPolicy = RetryPolicy(on: [.failed], delaySeconds: 0)
      }
      #expect(job.state == .succeeded && job.attempt == 2, "\(job)")
      #expect(try await bench.log(of: job) == ["from the workspace yes"])
      let name = "localhost/cairn-build:\(job.id)"
      #expect(try await bench.podman.image(name)?.id == job.pinnedImage?.id)
      try await bench.jobs.remove(job.id)
      #expect(try await bench.podman.image(name) == nil)
    }
  }

  @Test func `a Dockerfile that can't be built, or leads out of the workspace, fails the job and tells nothing else`()
    async throws
  {
    try await withImage { bench in
      let secret = "\(bench.directory)/secret"
      try "TOPSECRET here\n".write(toFile: secret, atomically: false, encoding: .utf8)
      let snapshot = try bench.storage.addSnapshot(["Dockerfile": "NONSENSE x\n"])
      try FileManager.default.createSymbolicLink(
        atPath: "\(bench.storage.mount)/snapshots/\(snapshot)/link", withDestinationPath: secret)
      for file in ["Dockerfile", "link", "missing"] {
        let job = try await bench.run("true", image: "localhost/cairn-build") {
          $0.dockerfile = file
          $0.workspaceSnapshot = snapshot
        }
        #expect(job.state == .failed && job.reason == .imageBuildFailed, "\(job)")
        #expect(!(job.detail ?? "").contains("TOPSECRET"), "\(job)")
      }
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
