import Foundation
import Glibc
import Testing

@Suite(.serialized) struct DeploymentTests {
  @Test func aModelIsServedByReplicasAtAStableAddressAndLeavesNothing() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      try FileManager.default.createDirectory(
        atPath: cairn.directory + "/project/model", withIntermediateDirectories: true)
      try cairn.write("weights", to: "model/weights")
      #expect(try cairn.cairn("model", "register", "digits", "model").code == 0)
      let created = try cairn.deploy("digits", "--replicas", "2", "--model", "digits:1")
      #expect(created.output == cairn.address + "/serve/digits/\n")
      let answers = try (0..<4).map { _ in try cairn.get("/serve/digits/who") }
      #expect(answers.allSatisfy { $0.status == 200 && $0.revision == "1" })
      #expect(Set(answers.map(\.replica)).count == 2)
      #expect(answers[0].who["model"] as? [String] == ["weights"])

      // The path after the name, as it is; who asked, and where.
      #expect(try cairn.get("/serve/digits/a/b%20c?d=e").body == "/a/b%20c?d=e")
      #expect(try cairn.get("/serve/digits").body == "/")
      let headers = try cairn.get("/serve/digits/headers").body
      #expect(headers.contains(#""x-forwarded-for": "127.0.0.1""#))
      #expect(headers.contains(#""x-forwarded-prefix": "/serve/digits""#))
      try cairn.write(String(repeating: "x", count: 3_000_000), to: "body")
      let body = cairn.directory + "/project/body"
      #expect(try cairn.get("/serve/digits/echo", "--data-binary", "@" + body).body == "3000000")
      #expect(
        try cairn.get("/serve/digits/echo", "--http2-prior-knowledge", "--data-binary", "@" + body).body == "3000000")
      #expect(try cairn.get("/serve/nothing/").status == 404)
      #expect(try cairn.get("/elsewhere").status == 404)

      // The Open Inference Protocol's questions are answered where the server does not speak it.
      #expect(try cairn.get("/serve/digits/v2/health/live").status == 200)
      #expect(try cairn.get("/serve/digits/v2/health/ready").status == 200)
      #expect(try cairn.get("/serve/digits/v2/models/digits/ready").status == 200)
      #expect(try cairn.get("/serve/digits/v2/models/digits").body.contains(#""name":"digits""#))

      let listed = try cairn.json("deploy", "ls")["deployments"] as? [[String: Any]]
      #expect(listed?.first?["state"] as? String == "available")
      #expect(try cairn.cairn("deploy", "logs", "digits").output.contains("serving\n"))
      try cairn.eventually("requests are in the access log", within: 5) {
        try cairn.cairn("deploy", "logs", "digits", "--requests").output.contains("GET /serve/digits/a/b%20c ")
      }
      // The proxy writes a request down after its last byte has gone.
      try cairn.eventually("requests are counted", within: 5) {
        let traffic = try cairn.deployment("digits")["traffic"] as? [String: Any]
        return (traffic?["statuses"] as? [String: Int])?["2xx"] == 13
      }

      // A version that is served stays.
      #expect(try cairn.cairn("model", "rm", "digits:1").complaint.contains("in use by deployment digits"))
      let containers = try cairn.replicas(of: "digits")
      #expect(try cairn.cairn("deploy", "rm", "digits").code == 0)
      #expect(try cairn.cairn("model", "rm", "digits:1").code == 0)
      #expect(throws: CairnInstance.Problem.self) { try cairn.process(ofReplica: containers[0]) }
      try cairn.eventually("the proxy ends with the last deployment", within: 10) {
        try cairn.proxyProcesses().isEmpty
      }
      #expect(!(try cairn.mounts()).contains("\(cairn.directory)/control/deployments"))
    }
  }

  @Test func streamsAndOtherProtocolsPassThrough() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      try cairn.deploy("plain")
      // Each piece comes when it is sent: 100 ms lie between them.
      let script = """
        import socket, sys, time
        s = socket.create_connection(("127.0.0.1", \(cairn.servePort)))
        s.sendall(b"GET /serve/plain/stream HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        times = []; answer = b""
        while not answer.endswith(b"0\\r\\n\\r\\n"):
            answer += s.recv(65536); times.append(time.monotonic())
        print(times[-1] - times[0] > 0.2)
        s = socket.create_connection(("127.0.0.1", \(cairn.servePort)))
        s.sendall(b"GET /serve/plain/upgrade HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n")
        head = s.recv(65536)
        s.sendall(b"\\x81ping")
        print(head.split()[1].decode(), s.recv(65536))
        """
      let client = try RunningCommand(
        program: "/usr/bin/env", arguments: ["python3", "-c", script], directory: "/",
        environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"]
      ).finish()
      #expect(client.output == "True\n101 b'\\x81ping'\n", "\(client)")

    }
  }

  @Test func `calls and streams of gRPC pass through as they are`() throws {
    try CairnInstance.with { cairn in
      for name in ["grpc_server.py", "grpc_client.py"] {
        try FileManager.default.copyItem(
          atPath: CairnInstance.servers.appendingPathComponent(name).path, toPath: cairn.mount + "/storage/" + name)
      }
      // TensorBoard brings gRPC.
      let python = MLflowClient.directory + "/tensorboard-server/bin/python"
      let created = try cairn.cairn(
        "deploy", "create", "rpc", "--protocol", "grpc", "--", python, "/storage/grpc_server.py")
      #expect(created.code == 0, "\(created)")
      let client = try RunningCommand(
        program: python,
        arguments: [cairn.mount + "/storage/grpc_client.py", "127.0.0.1:\(cairn.servePort)", "rpc"], directory: "/",
        environment: [:]
      ).finish()
      #expect(client.output == "all answered\n", "\(client)")
    }
  }

  @Test func credentialsAreAskedFor() throws {
    try CairnInstance.with { cairn in
      try cairn.installServer()
      let made = try cairn.begin(
        ["deploy", "create", "closed", "--auth", "token", "--json", "--", "python3", "/storage/server.py"]
      ).finish()
      let answer = try #require(
        try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: Any], "\(made)")
      let token = try #require((answer["credentials"] as? [String: Any])?["secret"] as? String)
      let without = try cairn.get("/serve/closed/who", "--include")
      #expect(without.status == 401)
      #expect(without.body.lowercased().contains("www-authenticate: bearer"))
      #expect(try cairn.get("/serve/closed/who", "--header", "Authorization: Bearer x\(token)").status == 401)
      // Health is as closed as the rest.
      #expect(try cairn.get("/serve/closed/v2/health/ready").status == 401)
      let with = try cairn.get("/serve/closed/headers", "--header", "Authorization: Bearer \(token)")
      #expect(with.status == 200)
      // The replica does not get to see it.
      #expect(!with.body.contains(token))
      // Nothing that is kept opens the door.
      let files = try FileManager.default.contentsOfDirectory(atPath: cairn.directory + "/run/haproxy")
      for file in files where file.hasSuffix(".cfg") {
        let text = try String(contentsOfFile: cairn.directory + "/run/haproxy/" + file, encoding: .utf8)
        #expect(!text.contains(token))
      }

      let changed = try cairn.json("deploy", "update", "closed", "--auth", "basic")
      let basic = try #require(changed["credentials"] as? [String: Any])
      let pair = "\(basic["user"] as? String ?? ""):\(basic["secret"] as? String ?? "")"
      // When the command has returned, at once and for all.
      #expect(try cairn.get("/serve/closed/who", "--user", pair).status == 200)
      #expect(try cairn.get("/serve/closed/who", "--header", "Authorization: Bearer \(token)").status == 401)
      #expect(try cairn.get("/serve/closed/who", "--user", pair + "x").status == 401)
    }
  }

  @Test func whatCanNotBeServedIsRefusedInWords() throws {
    try CairnInstance.with { cairn in
      let refusals: [(arguments: [String], complaint: String)] = [
        (["create", "a/b", "--", "true"], "\"a/b\" can't be a deployment's name"),
        (["create", "x"], "needs a command"),
        (["create", "x", "--model", "m:1", "--", "true"], "there is no model m"),
        (["create", "x", "--model", "m", "--", "true"], "is no model version"),
        (["create", "x", "--min", "3", "--max", "2", "--", "true"], "the maximum is no less than the minimum"),
        (["create", "x", "--protocol", "soap", "--", "true"], "no interface `soap`"),
        (["create", "x", "--ready", "no slash", "--", "true"], "can't be a probe's path"),
        (["show", "x"], "there is no deployment x"), (["rollback", "x"], "there is no deployment x"),
        (["logs", "x"], "there is no deployment x"), (["rm", "x"], "there is no deployment x"),
      ]
      for (arguments, complaint) in refusals {
        let outcome = try cairn.begin(["deploy"] + arguments).finish()
        #expect(outcome.code == 1 && outcome.complaint.contains(complaint), "\(arguments): \(outcome)")
      }
      #expect(try cairn.cairn("deploy", "scale", "x").code == 2)
    }
  }
}
