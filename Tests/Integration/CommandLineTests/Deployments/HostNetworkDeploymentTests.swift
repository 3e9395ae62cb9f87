import Foundation
import Glibc
import Testing

/// Deployments where containers can have no network of their own: each replica has a port of the host's loopback address.
@Suite(.serialized) struct HostNetworkDeploymentTests {
  @Test func `replicas are served, updated, killed and taken over by the next daemon as with networks of their own`()
    throws
  {
    try CairnInstance.withHostNetwork { cairn in
      try cairn.installServer()
      try cairn.deploy("local", "--replicas", "2")
      func addresses() throws -> Set<String> {
        let replicas = try cairn.json("deploy", "show", "local")["replicas"] as? [[String: Any]] ?? []
        return Set(replicas.compactMap { $0["address"] as? String })
      }
      let first = try addresses()
      #expect(first.count == 2 && first.allSatisfy { $0.hasPrefix("127.0.0.1:") }, "\(first)")
      #expect(Set(try (0..<4).map { _ in try cairn.get("/serve/local/who").replica }).count == 2)

      var load = try Load(cairn.address + "/serve/local/who")
      #expect(try cairn.cairn("deploy", "update", "local", "--env", "MESSAGE=two").code == 0)
      var result = try load.stop()
      #expect(result.failures == [] && Set(result.answers.keys) == ["1", "2"], "\(result)")
      #expect(try addresses() != first)

      load = try Load(cairn.address + "/serve/local/who")
      let containers = try cairn.replicas(of: "local")
      let daemon = try #require(try cairn.json("system", "info")["pid"] as? Int32)
      #expect(kill(daemon, SIGKILL) == 0)
      try cairn.eventually("cairnd answers again") {
        (try? cairn.json("system", "info")["pid"] as? Int32).map { $0 != daemon } ?? false
      }
      try cairn.eventually("it knows how things are") { try cairn.deploymentState("local") == "available" }
      #expect(try cairn.replicas(of: "local") == containers)
      let victim = try cairn.process(ofReplica: #require(containers.first))
      #expect(kill(victim, SIGKILL) == 0)
      try cairn.eventually("another takes its place") {
        try cairn.eventKinds(of: "local").contains("replica_crash_loop") && cairn.replicas(of: "local").count == 2
      }
      result = try load.stop()
      #expect(result.failures.count <= load.connections, "\(result)")
      #expect(try cairn.cairn("deploy", "rm", "local").code == 0)
    }
  }

  @Test func `one that sleeps is woken by a request`() throws {
    try CairnInstance.withHostNetwork { cairn in
      try cairn.installServer()
      try cairn.deploy("sleepy", "--min", "0", "--max", "1", "--idle", "1s")
      try cairn.eventually("it is at zero") { try cairn.deploymentState("sleepy") == "scaled_to_zero" }
      let answer = try cairn.get("/serve/sleepy/who")
      #expect(answer.status == 200, "\(answer)")
    }
  }
}
