import Foundation
import Glibc
import Testing

@Suite(.serialized) struct RunTests {
  @Test func aJobsOutputAndExitCodeArePassedOn() throws {
    try CairnInstance.with { cairn in
      try cairn.write("print('from the workspace')\n", to: "train.py")
      let run = try cairn.cairn("run", "--", "sh", "-c", "cat train.py; echo complaint >&2; exit 7")
      #expect(run.code == 7)
      #expect(run.output == "print('from the workspace')\n")
      #expect(run.complaint.contains("complaint\n"))
      let jobs = try #require(try cairn.json("job", "ls")["jobs"] as? [[String: Any]])
      #expect(jobs.count == 1)
      #expect(jobs[0]["project"] as? String == "project")
      #expect(jobs[0]["state"] as? String == "failed")
      #expect(jobs[0]["exit_code"] as? Int == 7)
      #expect(try cairn.cairn("run", "--", "true").code == 0)
    }
  }

  @Test func theEnvironmentIsWhatWasAskedFor() throws {
    try CairnInstance.with { cairn in
      let run = try cairn.cairn(
        "run", "--project", "p", "--env", "GREETING=a b", "--workspace", "none", "--", "sh", "-c",
        "echo $GREETING; echo $CAIRN_PROJECT; echo $CAIRN_ATTEMPT; pwd")
      #expect(run.output == "a b\np\n1\n/workspace\n")
    }
  }

  @Test func artifactsAreFilesWhileTheJobRuns() throws {
    try CairnInstance.with { cairn in
      let job = try detached(
        cairn, "--name", "writer", "--", "sh", "-c", "echo half > /artifacts/result; while :; do sleep 0.1; done")
      let file = cairn.mount + "/artifacts/project/\(job)/result"
      try cairn.eventually("the artifact is there") {
        FileManager.default.contents(atPath: file) == Data("half\n".utf8)
      }
      try cairn.eventually("the job is known to run") { try cairn.state(of: "writer") == "running" }
      #expect(try cairn.cairn("artifact", "get", "writer", "result", "-").output == "half\n")
      #expect(try cairn.cairn("job", "stop", "writer", "--grace", "0", "--wait").output == "\(job) stopped\n")
      #expect(try cairn.cairn("artifact", "get", job, ".", cairn.directory + "/got").code == 0)
      // Sealed soon after: nobody changes it any more.
      try cairn.eventually("the artifacts are sealed") { !appends(to: file) }
      #expect(try cairn.cairn("artifact", "rm", job).code == 0)
      #expect(!FileManager.default.fileExists(atPath: file))
    }
  }

  @Test func logsAreFollowedToTheEnd() throws {
    try CairnInstance.with { cairn in
      let job = try detached(cairn, "--", "sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.2; done")
      let logs = try cairn.cairn("job", "logs", "-f", String(job.prefix(6)))
      #expect(logs.code == 0)
      #expect(logs.output == "1\n2\n3\n4\n5\n")
      #expect(try cairn.cairn("job", "logs", "--tail", "2", job).output == "4\n5\n")
    }
  }

  @Test func timeAndInterruptsEndAJob() throws {
    try CairnInstance.with { cairn in
      let late = try cairn.cairn("run", "--timeout", "1s", "--name", "late", "--", "sleep", "60")
      #expect(late.code != 0)
      #expect(late.complaint.contains("timed_out"))
      #expect(try cairn.state(of: "late") == "timed_out")

      let run = try cairn.begin(["run", "--name", "cut", "--", "sh", "-c", "echo up; while :; do sleep 0.1; done"])
      try cairn.eventually("the job writes") { run.outputSoFar == "up\n" }
      kill(run.process.processIdentifier, SIGINT)
      let outcome = run.finish()
      #expect(outcome.code == 143)
      #expect(outcome.complaint.contains("stopping job"))
      #expect(try cairn.state(of: "cut") == "stopped")
    }
  }

  @Test func refusalsSayWhatToDo() throws {
    try CairnInstance.with { cairn in
      let image = try cairn.cairn("run", "--image", "localhost/no-such-image:1", "--", "true")
      #expect(image.code == 1)
      #expect(image.complaint.contains("no-such-image"))
      let unknown = try cairn.cairn("job", "show", "nobody")
      #expect(unknown.code == 1)
      #expect(unknown.complaint.contains("cairn job ls"))
      for usage in [
        ["run"], ["job", "ls", "--bogus"], ["job", "ls", "--limit", "x"], ["run", "--memory", "lots", "--", "x"],
      ] {
        #expect(try cairn.begin(usage).finish().code == 2, "\(usage)")
      }
      let elsewhere = try cairn.cairn("job", "ls", "--socket", cairn.directory + "/nothing.sock")
      #expect(elsewhere.code == 3)
      #expect(elsewhere.complaint.contains(cairn.directory + "/nothing.sock"))
      #expect(elsewhere.complaint.contains("cairn system up"))
    }
  }

  @Test func aSecondInterruptLeavesTheJobToItself() throws {
    try CairnInstance.with { cairn in
      let run = try cairn.begin([
        "run", "--name", "stubborn", "--", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done",
      ])
      try cairn.eventually("the job writes") { run.outputSoFar == "up\n" }
      kill(run.process.processIdentifier, SIGINT)
      try cairn.eventually("the job is asked to stop") { try cairn.state(of: "stubborn") == "stopping" }
      let before = Date()
      kill(run.process.processIdentifier, SIGINT)
      let outcome = run.finish()
      #expect(outcome.code == 130)
      #expect(Date().timeIntervalSince(before) < 5)
      #expect(outcome.complaint.contains("left to itself"))
      #expect(try cairn.state(of: "stubborn") == "stopping")
      // It has its 30 seconds, unless somebody wants it to end sooner.
      let stopped = try cairn.cairn("job", "stop", "--grace", "0s", "--wait", "stubborn")
      #expect(stopped.output.hasSuffix(" stopped\n"), "\(stopped)")
      #expect(Date().timeIntervalSince(before) < 20)
    }
  }

  @Test func cairnStopsAtOnceWhenItIsAskedToBeforeItIsReady() throws {
    try CairnInstance.with { cairn in
      try cairn.stop()
      // From the first instruction to the last before it is ready.
      for milliseconds in [50, 100, 200, 400] as [UInt32] {
        let up = try cairn.begin(["system", "up", "--config", cairn.configuration])
        usleep(milliseconds * 1000)
        kill(up.process.processIdentifier, milliseconds % 200 == 0 ? SIGINT : SIGTERM)
        let before = Date()
        _ = up.finish()
        #expect(Date().timeIntervalSince(before) < 20)
        #expect(try !cairn.mounts().contains(cairn.directory), "after \(milliseconds) ms")
      }
      try cairn.start()
      #expect(try cairn.cairn("job", "ls").code == 0)
    }
  }

  private func appends(to file: String) -> Bool {
    let descriptor = open(file, O_WRONLY | O_APPEND)
    if descriptor < 0 { return false }
    defer { close(descriptor) }
    return write(descriptor, "x", 1) == 1
  }

  private func detached(_ cairn: CairnInstance, _ arguments: String...) throws -> String {
    let outcome = try cairn.begin(["run", "--detach"] + arguments).finish()
    try #require(outcome.code == 0, "\(outcome)")
    return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
