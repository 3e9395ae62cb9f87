import Foundation
import Testing

/// A secret gets into the job that asks for it, and nowhere else.
@Suite(.serialized) struct SecretTests {
  private static let value = "s3cret-\(UUID().uuidString)-value"

  @Test func aSecretReachesItsJobAndNothingElseTellsIt() throws {
    try CairnInstance.with { cairn in
      try cairn.write(Self.value + "\n", to: "value")
      #expect(try cairn.cairn("secret", "set", "api-token", "--file", "value").output == "api-token\n")
      try FileManager.default.removeItem(atPath: cairn.directory + "/project/value")
      // Its digest proves that it is there without telling it.
      let run = try cairn.begin([
        "run", "--name", "reader", "--secret", "api-token:API_TOKEN", "--secret-file", "api-token", "--", "sh", "-c",
        "printf %s \"$API_TOKEN\" | sha256sum; sha256sum < /run/secrets/api-token; stat -f -c %T /run/secrets/api-token; "
          + "echo \"it is $API_TOKEN.\"; ls /var/lib/cairn \(cairn.directory)/control 2>/dev/null; "
          + "while [ ! -e /storage/go ]; do sleep 0.05; done",
      ])
      try cairn.eventually("the job has read it") { run.outputSoFar.contains("it is") }
      let id = try #require((try cairn.json("job", "show", "reader")["job"] as? [String: Any])?["id"] as? String)

      // While it runs: no process but the container's own has it in its arguments, and no disk has it.
      // Its log does, because the job itself has written it there.
      try expectNoTrace(of: Self.value, in: cairn, "while the job runs", besides: "1.log")
      #expect(FileManager.default.createFile(atPath: cairn.mount + "/storage/go", contents: nil))
      let outcome = run.finish()
      #expect(outcome.code == 0, "\(outcome)")
      let digest = try sha256(Self.value)
      #expect(
        outcome.output
          == "\(digest)  -\n\(digest)  -\ntmpfs\nit is \(String(repeating: "*", count: Self.value.count)).\n")

      try cairn.eventually("the log is compressed") {
        !FileManager.default.fileExists(atPath: "\(cairn.directory)/control/logs/\(id)/1.log")
      }
      try expectNoTrace(of: Self.value, in: cairn, "after its end")
      let answers = try [
        cairn.call("GET", "/v1/secrets", ""), cairn.call("GET", "/v1/jobs/\(id)", ""),
        cairn.call("GET", "/v1/jobs/\(id)/events", ""), cairn.call("GET", "/v1/jobs/\(id)/logs", ""),
        cairn.cairn("secret", "ls").output, cairn.cairn("job", "show", id).output,
      ]
      for answer in answers {
        #expect(
          !answer.isEmpty && !answer.contains(Self.value) && !answer.contains(Self.base64(Self.value)), "\(answer)")
      }
      let mounts = try cairn.mounts()
      #expect(!mounts.contains("/control/secrets/"))
    }
  }

  @Test func aSecretThatIsMissingOrCantBeAVariableIsToldBeforeTheJobIsQueued() throws {
    try CairnInstance.with { cairn in
      let missing = try cairn.cairn("run", "--secret", "nothing", "--", "true")
      #expect(missing.code == 1 && missing.complaint.contains("cairn secret set nothing"), "\(missing)")
      try cairn.write("two\nlines\n", to: "lines")
      #expect(try cairn.cairn("secret", "set", "lines", "--file", "lines", "--project", "project").code == 0)
      let lines = try cairn.cairn("run", "--secret", "lines", "--", "true")
      #expect(lines.code == 1 && lines.complaint.contains("--secret-file lines"), "\(lines)")
      let file = try cairn.cairn("run", "--secret-file", "lines:/etc/lines", "--", "cat", "/etc/lines")
      #expect(file.code == 0 && file.output == "two\nlines\n", "\(file)")
      // Another project's jobs may not have it.
      #expect(try cairn.cairn("run", "--project", "other", "--secret-file", "lines", "--", "true").code == 1)
      #expect(try cairn.cairn("secret", "rm", "lines").code == 1)
      #expect(try cairn.cairn("secret", "rm", "lines", "--project", "project").code == 0)
      #expect(try cairn.cairn("run", "--secret-file", "lines", "--", "true").code == 1)
    }
  }

  /// The database with its journal, logs and everything else of the control plane; the daemons' own log; and the
  /// command lines of all processes.
  private func expectNoTrace(
    of value: String, in cairn: CairnInstance, _ when: String, besides file: String = "none"
  ) throws {
    let script = """
      grep -r -l -a -F --exclude-dir=secrets --exclude-dir=overlays --exclude='\(file)' -e '\(value)' -e '\(Self.base64(value))' \
        '\(cairn.directory)/control' '\(cairn.daemonLog)'
      for line in /proc/[0-9]*/cmdline; do
        # This shell and grep have it themselves.
        [ "$line" = /proc/$$/cmdline ] || tr '\\0' ' ' < $line 2>/dev/null
      done | grep -v -e 'grep -' -e API_TOKEN | grep -F '\(value)'
      true
      """
    let found = try RunningCommand(
      program: "/bin/sh", arguments: ["-c", script], directory: "/", environment: ["PATH": "/usr/bin:/bin"]
    ).finish()
    #expect(found.output == "", "\(when)")
  }

  private static func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

  private func sha256(_ text: String) throws -> String {
    let outcome = try RunningCommand(
      program: "/bin/sh", arguments: ["-c", "printf %s '\(text)' | sha256sum"], directory: "/",
      environment: ["PATH": "/usr/bin:/bin"]
    ).finish()
    return String(outcome.output.prefix(64))
  }
}
