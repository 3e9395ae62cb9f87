import Foundation
import Testing

/// What can be done with a job beside running it.
@Suite(.serialized) struct JobCommandTests {
  @Test func aCommandRunsInARunningJobWithItsInputOutputAndExitCode() throws {
    try CairnInstance.with { cairn in
      let run = try cairn.begin(["run", "--name", "host", "--", "sh", "-c", "echo up; exec sleep 1000"])
      try cairn.eventually("the job runs") { run.outputSoFar == "up\n" }
      let exec = try cairn.cairn(
        "job", "exec", "host", "--env", "X=1 2", "--", "sh", "-c", "echo out $X $PWD; echo err >&2; exit 7")
      #expect(exec.code == 7 && exec.output == "out 1 2 /workspace\n" && exec.complaint == "err\n", "\(exec)")

      let piped = try RunningCommand(
        program: "/bin/sh",
        arguments: [
          "-c",
          "seq 200000 | '\(CairnInstance.program("cairn"))' job exec host --interactive -- sh -c 'cat; echo end' | md5sum; "
            + "(seq 200000; echo end) | md5sum",
        ], directory: "/", environment: ["CAIRN_SOCKET": cairn.socket, "PATH": "/usr/bin:/bin"]
      ).finish()
      let sums = Set(piped.output.split(separator: "\n"))
      #expect(piped.code == 0 && sums.count == 1 && piped.output.split(separator: "\n").count == 2, "\(piped)")

      #expect(try cairn.cairn("job", "exec", "host", "--", "/no/such/program").code == 127)
      #expect(try cairn.cairn("job", "stop", "host", "--grace", "0s", "--wait").code == 0)
      let late = try cairn.cairn("job", "exec", "host", "--", "true")
      #expect(late.code == 1 && late.complaint.contains("is stopped"), "\(late)")
    }
  }

  @Test func aJobIsRepeatedFromItsSnapshotAndWhatItLeavesIsCompared() throws {
    try CairnInstance.with { cairn in
      try cairn.write("1\n", to: "input")
      let script = "cat input > /artifacts/same; head -c 8 /dev/urandom > /artifacts/random; exit 3"
      #expect(try cairn.cairn("run", "--name", "first", "--env", "A=b", "--", "sh", "-c", script).code == 3)
      // The repetition sees the workspace as it was.
      try cairn.write("2\n", to: "input")
      let original = try #require(try cairn.json("job", "show", "first")["job"] as? [String: Any])
      let id = try #require(original["id"] as? String)
      let rerun = try cairn.cairn("job", "rerun", id, "--compare")
      #expect(rerun.code == 1 && rerun.output == "changed  random\n1 files are the same, 1 differ\n", "\(rerun)")
      let jobs = try #require(try cairn.json("job", "ls")["jobs"] as? [[String: Any]])
      let repeated = try #require(jobs.first { $0["rerun_of"] as? String == id })
      for key in ["command", "image", "workspace_snapshot", "environment", "name", "exit_code"] {
        #expect("\(repeated[key] ?? "")" == "\(original[key] ?? "")", "\(key)")
      }
      #expect(try cairn.cairn("job", "compare", id, id).output == "2 files are the same, 0 differ\n")
    }
  }

  @Test func aJobRunsFromACommitOfARepository() throws {
    try CairnInstance.with { cairn in
      let script = """
        git init -q -b main repo && cd repo && git config user.email a@b && git config user.name a
        echo one > file && git add file && git commit -qm one && git tag v1
        echo two > file && git commit -qam two && git rev-parse v1 main
        """
      let made = try RunningCommand(
        program: "/bin/sh", arguments: ["-c", script], directory: cairn.directory,
        environment: ["PATH": "/usr/bin:/bin", "HOME": cairn.directory]
      ).finish()
      let commits = made.output.split(separator: "\n").map(String.init)
      #expect(commits.count == 2, "\(made)")
      let address = "git+file://\(cairn.directory)/repo"
      for (reference, text, commit) in [
        ("@v1", "one", commits[0]), ("", "two", commits[1]), ("@" + commits[0], "one", commits[0]),
      ] {
        let name = "of-\(text)-\(reference.count)"
        let script = "cat file; ls -A"
        let run = try cairn.cairn("run", "--name", name, "--workspace", address + reference, "--", "sh", "-c", script)
        #expect(run.code == 0 && run.output == "\(text)\nfile\n", "\(run)")
        let job = try #require(try cairn.json("job", "show", name)["job"] as? [String: Any])
        #expect(job["project"] as? String == "repo")
        #expect((job["git"] as? [String: Any])?["commit"] as? String == commit, "\(job)")
      }
      let missing = try cairn.cairn("run", "--workspace", address + "@nothing", "--", "true")
      #expect(missing.code == 1 && missing.complaint.contains("could not be checked out"), "\(missing)")
      #expect(try cairn.cairn("run", "--workspace", "git+ext::touch /tmp/x", "--", "true").code != 0)
    }
  }

  @Test func severalLogsAreFollowedAtOnceAndTheirStreamsToldApart() throws {
    try CairnInstance.with { cairn in
      for name in ["a", "bb"] {
        let script = "echo out \(name); echo err \(name) >&2; while [ ! -e /storage/go ]; do sleep 0.05; done; echo end"
        #expect(try cairn.cairn("run", "--detach", "--cpus", "0.1", "--name", name, "--", "sh", "-c", script).code == 0)
      }
      let follower = try cairn.begin(["job", "logs", "--follow", "a", "bb"])
      try cairn.eventually("both have written") {
        follower.outputSoFar.contains("a  | out a\n") && follower.outputSoFar.contains("bb | out bb\n")
      }
      #expect(FileManager.default.createFile(atPath: cairn.mount + "/storage/go", contents: nil))
      let outcome = follower.finish()
      #expect(outcome.code == 0)
      #expect(outcome.output.split(separator: "\n").sorted() == ["a  | end", "a  | out a", "bb | end", "bb | out bb"])
      #expect(outcome.complaint.split(separator: "\n").sorted() == ["a  | err a", "bb | err bb"])
      #expect(try cairn.cairn("job", "logs", "a", "--stderr").complaint == "err a\n")
      #expect(try cairn.cairn("job", "logs", "a", "--stdout", "--tail", "1").output == "end\n")
      let lines = try cairn.cairn("job", "logs", "a", "--stdout", "--json").output.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      let cursor = try #require(lines.first?["cursor"] as? String)
      let rest = try cairn.call("GET", "/v1/jobs/a/logs?after=\(cursor)&stream=stdout", "")
      #expect(rest.contains("end") && !rest.contains("out a"))
      // Compressed by now, and gone with the job.
      let id = try #require((try cairn.json("job", "show", "a")["job"] as? [String: Any])?["id"] as? String)
      let directory = "\(cairn.directory)/control/logs/\(id)"
      try cairn.eventually("the log is compressed") {
        FileManager.default.fileExists(atPath: directory + "/1.log.lz4")
          && !FileManager.default.fileExists(atPath: directory + "/1.log")
      }
      #expect(try cairn.cairn("job", "rm", "a").code == 0)
      #expect(!FileManager.default.fileExists(atPath: directory))
    }
  }

  @Test func whatAJobUsesIsKeptAsASeries() throws {
    try CairnInstance.with { cairn in
      let script = """
        b = bytearray(60 << 20)
        import time
        end = time.time() + 4
        while time.time() < end: pass
        """
      let run = try cairn.cairn("run", "--name", "busy", "--", "python3", "-c", script)
      #expect(run.code == 0, "\(run)")
      let samples = try #require(try cairn.json("job", "usage", "busy")["samples"] as? [[String: Any]])
      #expect(samples.count >= 2)
      let seconds = samples.compactMap { $0["processor_seconds"] as? Double }
      #expect(seconds == seconds.sorted() && seconds.last ?? 0 > 0.3, "\(seconds)")
      #expect(samples.compactMap { $0["memory_bytes"] as? Int }.max() ?? 0 > 60 << 20)
      #expect(try cairn.cairn("job", "usage", "busy").output.contains("memory, most"))
    }
  }
}
