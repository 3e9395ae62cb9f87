import Foundation
import Glibc
import Testing

@Suite(.serialized) struct DeploymentFaultTests {
  @Test func anUpdateAndAReloadLoseNoRequest() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      try cairn.deploy("busy", "--replicas", "2")
      let load = try Load(cairn.address + "/serve/busy/who")
      #expect(try cairn.cairn("deploy", "update", "busy", "--env", "MESSAGE=two").code == 0)
      // A second deployment is a reload of the proxy, and so is its end.
      try cairn.deploy("other")
      #expect(try cairn.cairn("deploy", "rm", "other").code == 0)
      let result = try load.stop()
      #expect(result.failures == [])
      #expect(Set(result.answers.keys) == ["1", "2"], "\(result)")
      #expect(try cairn.get("/serve/busy/who").who["message"] as? String == "two")
    }
  }

  @Test func onlyRequestsThatAKilledReplicaHasFail() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      try cairn.deploy("busy", "--replicas", "2")
      var load = try Load(cairn.address + "/serve/busy/who")
      let victim = try cairn.process(ofReplica: #require(try cairn.replicas(of: "busy").first))
      #expect(kill(victim, SIGKILL) == 0)
      try cairn.eventually("another takes its place") {
        try cairn.eventKinds(of: "busy").contains("replica_crash_loop") && cairn.replicas(of: "busy").count == 2
      }
      var result = try load.stop()
      // A connection has one request at a time.
      #expect(result.failures.count <= load.connections, "\(result)")
      #expect(result.answers["1"] ?? 0 > 100)

      load = try Load(cairn.address + "/serve/busy/who")
      let control = try #require(try cairn.json("system", "info")["pid"] as? Int32)
      let replicas = try cairn.replicas(of: "busy")
      #expect(kill(control, SIGKILL) == 0)
      try cairn.eventually("cairnd answers again") {
        (try? cairn.json("system", "info")["pid"] as? Int32).map { $0 != control } ?? false
      }
      try cairn.eventually("it knows how things are") { try cairn.deploymentState("busy") == "available" }
      result = try load.stop()
      #expect(result.failures == [] && result.answers["1"] ?? 0 > 100, "\(result)")
      // The same containers: the new daemon took them over.
      #expect(try cairn.replicas(of: "busy") == replicas)

      load = try Load(cairn.address + "/serve/busy/who")
      let storage = try #require((try cairn.json("system", "info")["storage"] as? [String: Any])?["pid"] as? Int32)
      #expect(kill(storage, SIGKILL) == 0)
      try cairn.eventually("the storage answers again") {
        let storageNow = try cairn.json("system", "info")["storage"] as? [String: Any]
        return storageNow.map { $0["pid"] as? Int32 != storage } ?? false
      }
      result = try load.stop()
      #expect(result.failures == [] && result.answers["1"] ?? 0 > 100, "\(result)")
    }
  }

  @Test func theProxyIsStartedAgainWhenItIsKilled() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      try cairn.deploy("steady")
      // A master and a worker, and no second pair.
      try cairn.eventually("there is one proxy", within: 5) { try cairn.proxyProcesses().count == 2 }
      for process in try cairn.proxyProcesses() { kill(process, SIGKILL) }
      try cairn.eventually("it is served again", within: 15) { try cairn.get("/serve/steady/who").status == 200 }
      // And after an orderly stop as well, which leaves nothing; what is wanted is remembered.
      try cairn.stop()
      #expect(try cairn.proxyProcesses().isEmpty)
      try cairn.start()
      try cairn.eventually("it is served again", within: 15) { try cairn.get("/serve/steady/who").status == 200 }
    }
  }

  @Test func requestsAtZeroAreHeldAndAnsweredUpToALimit() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      try cairn.deploy("sleepy", "--min", "0", "--max", "2", "--idle", "1s", "--hold", "3", "--env", "START_SECONDS=1")
      try cairn.eventually("it is at zero") { try cairn.deploymentState("sleepy") == "scaled_to_zero" }
      // Who asks whether it is ready is told so, and wakes nobody.
      let health = try cairn.get("/serve/sleepy/v2/health/ready")
      #expect(health.status == 200, "\(health)")
      // The daemon is down while they come: the proxy holds them.
      let control = try #require(try cairn.json("system", "info")["pid"] as? Int32)
      #expect(kill(control, SIGKILL) == 0)
      try cairn.write(String(repeating: "x", count: 1_000_000), to: "body")
      let waiting = try [
        cairn.beginGet("/serve/sleepy/who"), cairn.beginGet("/serve/sleepy/who"),
        cairn.beginGet("/serve/sleepy/echo", ["--data-binary", "@" + cairn.directory + "/project/body"]),
      ]
      usleep(300_000)
      let refused = try cairn.get("/serve/sleepy/who", "--include")
      #expect(refused.status == 503 && refused.body.lowercased().contains("retry-after: "), "\(refused)")
      let answers = waiting.map { $0.answer() }
      #expect(answers.allSatisfy { $0.status == 200 }, "\(answers)")
      #expect(answers[2].body == "1000000")
      #expect(answers[0].seconds > 1)
      try cairn.eventually("it is at zero again") { try cairn.deploymentState("sleepy") == "scaled_to_zero" }
    }
  }

  @Test func moreRequestsBringMoreReplicas() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      try cairn.deploy("elastic", "--min", "1", "--max", "3", "--target", "2", "--idle", "3s")
      let load = try Load(cairn.address + "/serve/elastic/slow?0.2", connections: 6)
      try cairn.eventually("there are three") { try cairn.replicas(of: "elastic").count == 3 }
      _ = try load.stop()
      try cairn.eventually("one is left") { try cairn.replicas(of: "elastic").count == 1 }
      #expect(try cairn.eventKinds(of: "elastic").contains("scaled"))
    }
  }

  @Test func aCanaryGetsItsShareAndABrokenRevisionIsTakenBack() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      try cairn.deploy("careful", "--replicas", "2")
      #expect(try cairn.cairn("deploy", "update", "careful", "--env", "MESSAGE=two", "--canary", "20").code == 0)
      /// Percent of the requests of a second.
      func share(_ revision: String) throws -> Double {
        let load = try Load(cairn.address + "/serve/careful/who")
        usleep(500_000)
        let result = try load.stop()
        #expect(result.failures == [])
        return 100 * Double(result.answers[revision] ?? 0) / Double(result.answers.values.reduce(0, +))
      }
      // One replica of 128 beside two of 256 by weight, in turn.
      #expect((18...22).contains(try share("2")))
      #expect(try cairn.cairn("deploy", "update", "careful").code == 0)
      #expect(try share("2") == 100)
      #expect(try cairn.deployment("careful")["stable_revision"] as? Int == 2)

      let broken = try cairn.cairn("deploy", "update", "careful", "--env", "BROKEN=1", "--deadline", "3s")
      #expect(broken.code == 1 && broken.complaint.contains("revision 3 was not ready within 3 s"), "\(broken)")
      #expect(try cairn.deploymentState("careful") == "rolled_back")
      #expect(try share("2") == 100)
      // What the broken one wrote is kept.
      #expect(try cairn.cairn("deploy", "logs", "careful").output.contains("broken on purpose"))

      #expect(try cairn.cairn("deploy", "rollback", "careful", "--to", "1").code == 0)
      #expect(try share("1") == 100)
      #expect(try cairn.cairn("deploy", "rollback", "careful", "--to", "9").complaint.contains("no revision 9"))
    }
  }

  @Test func aReplicaThatEndsIsStartedAgainWithGrowingPauses() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      let created = try cairn.cairn(
        "deploy", "create", "crashing", "--deadline", "4s", "--env", "BROKEN=1", "--", "python3", "/storage/server.py")
      #expect(created.code == 1 && created.complaint.contains("is failed: it ended with exit code 1"), "\(created)")
      let replicas = try cairn.json("deploy", "show", "crashing")["replicas"] as? [[String: Any]]
      let attempts = try #require(replicas?.first?["attempt"] as? Int)
      // At 0, 1 and 3 s, and not more often.
      #expect((2...4).contains(attempts))
      #expect(try cairn.cairn("deploy", "rm", "crashing").code == 0)
    }
  }
}
