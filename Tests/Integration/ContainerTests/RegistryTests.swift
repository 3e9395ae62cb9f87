import Containers
import ControlDatabase
import FoundationEssentials
import Glibc
import JobStates
import Jobs
import Secrets
import Subprocess
import Testing

/// Images that come from a registry, one of our own on this host that asks for a password.
@Suite(.serialized)
struct RegistryTests {
  @Test func `a job's image is pulled with credentials from a secret, and without them it is not`() async throws {
    try await withRegistry { bench, image in
      let refused = try await bench.run("true", image: image)
      #expect(refused.state == .failed && refused.reason == .imageNotFound, "\(refused)")
      _ = try await bench.secrets.set("registry", project: nil, value: Array("somebody:pass word\n".utf8))
      let job = try await bench.run("echo pulled", image: image) { $0.registrySecret = "registry" }
      #expect(job.state == .succeeded, "\(job)")
      #expect(try await bench.log(of: job) == ["pulled"])
      let digest = try #require(try await bench.jobs.attempts(of: job.id).first?.imageDigest)
      #expect(digest.hasPrefix("sha256:") && job.pinnedImage?.digest == digest)
      // What it was told on the way, and the credentials nowhere.
      try await bench.expectNothingLeft(of: job)
      #expect(try await shell("grep -rl -e 'pass word' \(bench.directory)/control || true") == [])

      // The same content again, though neither the image nor its tag is here any more.
      _ = try await shell("podman rmi --force \(image)")
      let again = try await bench.jobs.submit(bench.jobs.repetition(of: job.id))
      let end = try await bench.jobs.wait(for: again.id)
      #expect(end.state == .succeeded && end.pinnedImage == job.pinnedImage, "\(end)")

      _ = try await bench.secrets.set("registry", project: nil, value: Array("nonsense".utf8))
      let wrong = try await bench.run("true", image: image + "-other") { $0.registrySecret = "registry" }
      #expect(wrong.state == .failed && wrong.detail?.contains("USER:PASSWORD") ?? false, "\(wrong)")
    }
  }

  private func withRegistry(_ body: (Workbench, String) async throws -> Void) async throws {
    let directory = "/var/tmp/cairn-registry.\(UUID().uuidString.lowercased())"
    let port = Int.random(in: 20_000..<30_000)
    let image = "127.0.0.1:\(port)/cairn-test:1"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    _ = try await shell("htpasswd -Bbc \(directory)/users somebody 'pass word' 2>/dev/null")
    try """
    version: 0.1
    storage: {filesystem: {rootdirectory: \(directory)/data}}
    http: {addr: "127.0.0.1:\(port)"}
    auth: {htpasswd: {realm: test, path: \(directory)/users}}
    """.write(toFile: directory + "/config.yml", atomically: false, encoding: .utf8)
    // It speaks no TLS.
    try "[[registry]]\nlocation = \"127.0.0.1:\(port)\"\ninsecure = true\n".write(
      toFile: directory + "/registries.conf", atomically: false, encoding: .utf8)
    setenv("CONTAINERS_REGISTRIES_CONF", directory + "/registries.conf", 1)
    defer { unsetenv("CONTAINERS_REGISTRIES_CONF") }
    let registry = Task {
      try await Subprocess.run(
        .name("docker-registry"), arguments: ["serve", directory + "/config.yml"], output: .discarded,
        error: .discarded)
    }
    do {
      _ = try await shell(
        """
        curl --silent --output /dev/null --retry 50 --retry-delay 1 --retry-connrefused http://127.0.0.1:\(port)/v2/
        files=$(ldd /bin/sh | grep -o '/[^ ]*')
        tar -C / -chf - ./bin/sh $(for f in $files; do echo .$f; done) | podman import --quiet - \(image)
        podman push --quiet --creds 'somebody:pass word' \(image)
        podman rmi --force \(image)
        """)
      try await withWorkbench { try await body($0, image) }
    } catch {
      registry.cancel()
      _ = await registry.result
      _ = try await shell("podman rmi --force --ignore \(image); rm -rf \(directory)")
      throw error
    }
    registry.cancel()
    _ = await registry.result
    _ = try await shell("podman rmi --force --ignore \(image); rm -rf \(directory)")
  }
}
