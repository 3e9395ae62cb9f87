import Foundation
import Testing

/// What people do with a deployment by hand, and what it does by itself in the meantime.
@Suite(.serialized) struct DeploymentLifeTests {
  @Test func `the example of the page works`() throws {
    try CairnInstance.with { cairn in
      let run = try cairn.runExample(ofPage: "deployments.md", ["http://127.0.0.1:7071": cairn.address])
      #expect(run.code == 0, "\(run)")
      #expect(run.output.contains("hello from version 1\n") && run.output.contains("available"), "\(run)")
      #expect(try cairn.json("deploy", "ls")["deployments"].map(count) == 0)
    }
  }

  @Test func `replicas come and go as somebody scales, down to none and back`() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      try cairn.deploy("manual")
      #expect(try cairn.replicas(of: "manual").count == 1)
      #expect(try cairn.cairn("deploy", "scale", "manual", "--replicas", "3").code == 0)
      try cairn.eventually("there are three") {
        try cairn.replicas(of: "manual").count == 3 && cairn.deploymentState("manual") == "available"
      }
      #expect(Set(try (0..<6).map { _ in try cairn.get("/serve/manual/who").replica }).count == 3)
      let load = try Load(cairn.address + "/serve/manual/who")
      #expect(try cairn.cairn("deploy", "scale", "manual", "--replicas", "1").code == 0)
      try cairn.eventually("one is left") { try cairn.json("deploy", "show", "manual")["replicas"].map(count) == 1 }
      let result = try load.stop()
      #expect(result.failures == [] && result.answers["1"] ?? 0 > 100, "\(result)")

      // None at all, and nobody is to bring one: who asks is told so at once.
      #expect(try cairn.cairn("deploy", "scale", "manual", "--replicas", "0").code == 0)
      try cairn.eventually("none is left") { try cairn.json("deploy", "show", "manual")["replicas"].map(count) == 0 }
      let refused = try cairn.get("/serve/manual/who", "--include")
      #expect(refused.status == 503 && refused.seconds < 5, "\(refused)")
      #expect(try cairn.cairn("deploy", "scale", "manual", "--replicas", "2").code == 0)
      try cairn.eventually("there are two") { try cairn.deploymentState("manual") == "available" }
      #expect(try cairn.get("/serve/manual/who").status == 200)
      // Revisions are what is run, not how often.
      #expect(try cairn.get("/serve/manual/who").revision == "1")
    }
  }

  @Test func `a replica that says it does not live is started again, and one that is not ready is spared`() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      try cairn.deploy("patient", "--replicas", "2", "--live", "/alive")
      let sick = try cairn.get("/serve/patient/sick?alive")
      #expect(sick.status == 200)
      try cairn.eventually("it is started again", within: 60) {
        try cairn.eventKinds(of: "patient").contains("replica_crash_loop")
      }
      let events = try #require(try cairn.json("deploy", "show", "patient")["events"] as? [[String: Any]])
      let reason = events.first { $0["kind"] as? String == "replica_crash_loop" }?["detail"] as? String ?? ""
      #expect(reason.contains("liveness probes failed in a row: GET /alive was answered 500"), "\(reason)")
      try cairn.eventually("both are ready", within: 30) { try cairn.replicas(of: "patient").count == 2 }

      _ = try cairn.get("/serve/patient/sick?ready")
      try cairn.eventually("one gets no requests", within: 30) {
        try cairn.replicas(of: "patient", in: "unready").count == 1
      }
      #expect(try cairn.deploymentState("patient") == "degraded")
      try cairn.eventually("the other answers", within: 5) {
        Set(try (0..<4).map { _ in try cairn.get("/serve/patient/who").replica }).count == 1
      }
    }
  }

  private func count(_ list: Any) -> Int { (list as? [Any])?.count ?? -1 }
}
