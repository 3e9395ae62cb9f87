import Foundation
import Glibc
import Testing

/// What replicas take of the host, and what secrets they are given.
@Suite(.serialized) struct DeploymentResourceTests {
  private static let server = """
    mkdir /tmp/www; cd /tmp/www; ls /dev > devices; printf %s "$API_TOKEN" | sha256sum > digest
    if [ -e /run/secrets/certificate ]; then sha256sum < /run/secrets/certificate > certificate; fi
    echo "it is $API_TOKEN."; cat /run/secrets/certificate; exec python3 -m http.server $PORT --bind $HOST
    """

  private func create(_ cairn: CairnInstance, _ name: String, _ options: String...) throws -> CairnInstance.Outcome {
    try cairn.begin(["deploy", "create", name] + options + ["--", "sh", "-c", Self.server]).finish()
  }

  @Test func replicasHoldGPUsAndMemoryInTheJobsQueueOverARestart() throws {
    try CairnInstance.with { cairn in
      try cairn.stop()
      let configuration = try String(contentsOfFile: cairn.configuration, encoding: .utf8)
      let gpu = "  gpus: [{uuid: GPU-a, memory: 16g, nodes: [\"/dev/null:/dev/gpu0\"]}]\n"
      try configuration.replacingOccurrences(of: "  gpus: null\n", with: gpu).write(
        toFile: cairn.configuration, atomically: true, encoding: .utf8)
      try cairn.start()

      let much = try create(cairn, "much", "--gpus", "2")
      #expect(much.code == 1 && much.complaint.contains("this host has 1"), "\(much)")
      let first = try create(cairn, "first", "--gpus", "1", "--memory", "64m")
      #expect(first.code == 0, "\(first)")
      #expect(try cairn.get("/serve/first/devices").body.contains("gpu0\n"))
      #expect(try cairn.cairn("gpu", "ls").output.contains("replica first/"))
      let shownFirst = try cairn.cairn("deploy", "show", "first").output
      #expect(shownFirst.contains("1 GPU, ") && shownFirst.contains(" of memory"), "\(shownFirst)")

      // The next one waits, and says for what; so does a job.
      #expect(try create(cairn, "second", "--gpus", "1", "--detach").code == 0)
      try cairn.eventually("the second says what it waits for") {
        try cairn.cairn("deploy", "show", "second").output.contains("waits for 1 GPU; 0 free")
      }
      #expect(try cairn.deploymentState("second") == "progressing")
      #expect(try cairn.cairn("run", "--detach", "--name", "job", "--gpus", "1", "--", "ls", "/dev/gpu0").code == 0)
      try cairn.eventually("the job waits") {
        try cairn.cairn("job", "show", "job").output.contains("waits for 1 GPU; 0 free")
      }

      let daemon = try #require(try cairn.json("system", "info")["pid"] as? Int32)
      #expect(kill(daemon, SIGKILL) == 0)
      try cairn.eventually("cairnd answers again") {
        (try? cairn.json("system", "info")["pid"] as? Int32).map { $0 != daemon } ?? false
      }
      // Time enough for whoever would hand the GPU out once more.
      usleep(1_000_000)
      #expect(try cairn.replicas(of: "first").count == 1)
      #expect(try cairn.replicas(of: "second").isEmpty)
      let shown = try cairn.json("job", "show", "job")["job"] as? [String: Any]
      #expect(shown?["state"] as? String == "queued", "\(String(describing: shown))")

      // Replicas go before jobs.
      #expect(try cairn.cairn("deploy", "rm", "first").code == 0)
      try cairn.eventually("the second has the GPU") { try cairn.deploymentState("second") == "available" }
      #expect(try cairn.get("/serve/second/devices").body.contains("gpu0\n"))
      #expect(try cairn.cairn("deploy", "rm", "second").code == 0)
      #expect(try cairn.cairn("job", "wait", "job").code == 0)
      #expect(!(try cairn.cairn("gpu", "ls").output.contains("replica ")))
    }
  }

  @Test func aReplicaHasItsSecretsAndNeitherLogNorAnswerTellsThem() throws {
    let value = "s3cret-\(UUID().uuidString)-value"
    try CairnInstance.with { cairn in
      let missing = try create(cairn, "digits", "--secret", "api-token:API_TOKEN")
      #expect(missing.code == 1 && missing.complaint.contains("cairn secret set api-token"), "\(missing)")
      try cairn.write(value, to: "value")
      #expect(try cairn.cairn("secret", "set", "api-token", "--file", "value").code == 0)
      let made = try create(cairn, "digits", "--secret", "api-token:API_TOKEN")
      #expect(made.code == 0, "\(made)")
      let digest = try RunningCommand(
        program: "/usr/bin/sha256sum", arguments: [cairn.directory + "/project/value"], directory: "/", environment: [:]
      ).finish().output.prefix(64)
      #expect(try cairn.get("/serve/digits/digest").body.prefix(64) == digest)
      let log = try cairn.cairn("deploy", "logs", "digits").output
      #expect(log.contains("it is \(String(repeating: "*", count: value.utf8.count))."), "\(log)")
      #expect(!(try cairn.call("GET", "/v1/deployments/digits", "").contains(value)))

      // As a file, of any bytes; and wherever it is no path, it is refused.
      let lines = "-----BEGIN-----\n\(UUID().uuidString)\n-----END-----\n"
      try cairn.write(lines, to: "lines")
      #expect(try cairn.cairn("secret", "set", "certificate", "--file", "lines").code == 0)
      let asVariable = try cairn.cairn("deploy", "update", "digits", "--secret", "certificate:C")
      #expect(asVariable.code == 1 && asVariable.complaint.contains("--secret-file certificate"), "\(asVariable)")
      let nowhere = try cairn.cairn("deploy", "update", "digits", "--secret-file", "certificate:a,b")
      #expect(nowhere.code == 1 && nowhere.complaint.contains("can't be a secret's file"), "\(nowhere)")
      let updated = try cairn.cairn("deploy", "update", "digits", "--secret-file", "certificate")
      #expect(updated.code == 0, "\(updated)")
      let sum = try RunningCommand(
        program: "/usr/bin/sha256sum", arguments: [cairn.directory + "/project/lines"], directory: "/", environment: [:]
      ).finish().output.prefix(64)
      #expect(try cairn.get("/serve/digits/certificate").body.prefix(64) == sum)
      let shown = try cairn.cairn("deploy", "show", "digits").output
      #expect(shown.contains("api-token as API_TOKEN, certificate as /run/secrets/certificate"), "\(shown)")

      // What was a secret stays hidden when it is replaced or removed, also by the next daemon.
      try cairn.write("another \(UUID().uuidString)", to: "value")
      #expect(try cairn.cairn("secret", "set", "api-token", "--file", "value").code == 0)
      #expect(try cairn.cairn("secret", "rm", "certificate").code == 0)
      let daemon = try #require(try cairn.json("system", "info")["pid"] as? Int32)
      #expect(kill(daemon, SIGKILL) == 0)
      try cairn.eventually("cairnd answers again") {
        (try? cairn.json("system", "info")["pid"] as? Int32).map { $0 != daemon } ?? false
      }
      // Time enough for whoever would forget the values.
      usleep(1_000_000)
      let later = try cairn.cairn("deploy", "logs", "digits")
      #expect(later.code == 0 && later.output.contains("it is ****"), "\(later)")
      #expect(!later.output.contains(value) && !later.output.contains("-----BEGIN-----"), "\(later)")
      #expect(try cairn.cairn("deploy", "rm", "digits").code == 0)
      #expect(!(try cairn.mounts()).contains("/control/deployments/.secrets"))
    }
  }
}
