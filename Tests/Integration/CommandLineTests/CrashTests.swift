import Foundation
import Glibc
import Testing

@Suite(.serialized) struct CrashTests {
  @Test func aJobGoesOnAndItsEndIsRecordedWhenCairndIsKilled() throws {
    try CairnInstance.with { cairn in
      let run = try cairn.begin([
        "run", "--name", "survivor", "--", "sh", "-c",
        "echo begin; sleep 3; echo end; echo x > /artifacts/done; exit 5",
      ])
      try cairn.eventually("the job writes") { run.outputSoFar == "begin\n" }
      let daemon = try #require(try cairn.json("system", "info")["pid"] as? Int32)
      #expect(kill(daemon, SIGKILL) == 0)
      // The command that follows bears with it, and prints nothing twice.
      let outcome = run.finish()
      #expect(outcome.code == 5, "\(outcome)")
      #expect(outcome.output == "begin\nend\n")
      #expect(try cairn.state(of: "survivor") == "failed")
      #expect(try cairn.json("system", "info")["pid"] as? Int32 != daemon)
    }
  }

  @Test func whatWasAcknowledgedIsThereWhenCairnfsdIsKilled() throws {
    try CairnInstance.with { cairn in
      let file = cairn.mount + "/storage/kept"
      let content = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      try content.write(to: URL(fileURLWithPath: file))
      let storage = try #require(try cairn.json("system", "info")["storage"] as? [String: Any])
      let daemon = try #require(storage["pid"] as? Int32)
      #expect(kill(daemon, SIGKILL) == 0)
      try cairn.eventually("the storage answers again") {
        let storage = try cairn.json("system", "info")["storage"] as? [String: Any]
        return storage.map { $0["pid"] as? Int32 != daemon } ?? false
      }
      #expect(FileManager.default.contents(atPath: file) == content)
      #expect(try cairn.cairn("run", "--", "true").code == 0)
      // And after an orderly stop as well.
      try cairn.stop()
      try cairn.start()
      #expect(FileManager.default.contents(atPath: file) == content)
    }
  }

  @Test func aSecondDaemonOnTheSameDirectoryIsRefused() throws {
    try CairnInstance.with { cairn in
      for name in ["cairnd", "cairnfsd"] {
        let second = try RunningCommand(
          program: CairnInstance.program(name), arguments: ["--config", cairn.configuration], directory: "/",
          environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        ).finish()
        #expect(second.code == 1)
        #expect(second.complaint.contains("nother \(name)"), "\(second)")
      }
      #expect(try cairn.cairn("job", "ls").code == 0)
    }
  }

  @Test func aConfigurationWithAnUnknownKeyIsRefused() throws {
    try CairnInstance.with { cairn in
      let file = cairn.directory + "/wrong.yaml"
      try "storage:\n  dirr: /x\n".write(toFile: file, atomically: true, encoding: .utf8)
      let up = try cairn.cairn("system", "up", "--config", file)
      #expect(up.code == 1)
      #expect(up.complaint.contains("dirr"))
    }
  }

  @Test func stoppingCairnStopsItsJobs() throws {
    try CairnInstance.with { cairn in
      let run = try cairn.cairn("run", "--detach", "--name", "endless", "--", "sleep", "1000")
      #expect(run.code == 0)
      try cairn.eventually("the job runs") { try cairn.state(of: "endless") == "running" }
      try cairn.stop()
      try cairn.start()
      #expect(try cairn.state(of: "endless") == "stopped")
    }
  }
}
