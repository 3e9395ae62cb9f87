import Foundation
import Glibc
import Testing

/// MLflow's registry with MLflow's own client, beside MLflow's own server.
@Suite(.serialized) struct RegistryTests {
  @Test func clientsOldAndNewAreToldWhatMLflowsServerTellsThem() throws {
    try CairnInstance.with(listens: true) { cairn in
      let port = try #require(cairn.port)
      let outcome = try cairn.cairn("token", "create")
      let token = outcome.output.trimmingCharacters(in: .newlines)
      // The environment of the server has what it takes to load a model, too.
      for version in ["mlflow-server", "mlflow-2.22", "mlflow-2.9"] {
        // MLflow's server has one registry for all: each client has one of its own, which it finds empty.
        try withMLflowServer { server in
          let wanted = try MLflowClient.run("registry", version, uri: server)
          let got = try MLflowClient.run(
            "registry", version, uri: "http://127.0.0.1:\(port)/p/by-\(version)", token: token)
          #expect(got.output == wanted.output, "\(version)")
          #expect(try calls(in: got.exchanges) == calls(in: wanted.exchanges), "\(version)")
        }
      }
      // The other door to the same records.
      let models = try #require(
        try cairn.json("model", "ls", "--project", "by-mlflow-server")["models"] as? [[String: Any]])
      #expect(models.compactMap { $0["name"] as? String } == ["adder", "copies", "digits"])
      let http = HTTPExchange(port: port, token: token)
      let tenant = "/p/by-mlflow-server/"
      let read = try http.get(tenant + "model-versions/get-artifact?name=digits&version=1&path=sub%2Fother.txt")
      #expect(read.status == 200 && read.body.contains("deep"), "\(read)")
      for (path, status) in [
        ("model-versions/get-artifact?name=digits&version=1&path=..%2F3%2Fmodel.txt", 400),
        ("model-versions/get-artifact?name=digits&version=9&path=model.txt", 404),
        ("api/2.0/mlflow-artifacts/artifacts/registered-models/digits/1/nothing", 404),
        ("api/2.0/mlflow-artifacts/artifacts/registered-models/digits/../x", 400),
        ("api/2.0/mlflow-artifacts/artifacts/registered-models/digits", 404),
      ] {
        #expect(try http.get(tenant + path).status == status, "\(path)")
      }
      let address = "api/2.0/mlflow-artifacts/artifacts/registered-models/digits/1/model.txt"
      #expect(try http.get(tenant + address).status == 200)
      // Another project has no such version, and nobody changes one.
      #expect(try http.get("/p/elsewhere/" + address).status == 404)
      #expect(try http.send("PUT", tenant + address, "changed").status == 403)
      #expect(try http.send("DELETE", tenant + address, nil).status == 403)
      let place = cairn.mount + "/models/digits/1/model.txt"
      #expect(FileManager.default.contents(atPath: place) == Data("first".utf8))
    }
  }

  @Test func webhooksAreSignedTriedAgainAndDeliveredAfterAKill() throws {
    try CairnInstance.with(listens: true) { cairn in
      // The receiver is on this host.
      try cairn.stop()
      let configuration = try String(contentsOfFile: cairn.configuration, encoding: .utf8)
      try configuration.replacingOccurrences(of: "control:\n", with: "control:\n  webhooks: private\n").write(
        toFile: cairn.configuration, atomically: true, encoding: .utf8)
      try cairn.start()
      let uri = "http://127.0.0.1:\(try #require(cairn.port))"
      let token = try cairn.cairn("token", "create").output.trimmingCharacters(in: .newlines)
      let told = try MLflowClient.run("webhooks", "mlflow-server", uri: uri, token: token).output
        .split(separator: "\n").map(String.init)
      let delivered = told.filter { $0.hasPrefix("delivered /signed") }
      #expect(delivered.count == 13, "\(told)")
      #expect(delivered.allSatisfy { $0.contains(" signed application/json ") }, "\(delivered)")
      for line in [
        "the same True", "large 90000", "tested True 200 thank you None", "tested False 400", "nothing more True",
        "the address http://169.254.169.254/latest INVALID_PARAMETER_VALUE", "another address INVALID_PARAMETER_VALUE",
      ] {
        #expect(told.contains(line), "\(line) is not in \(told)")
      }

      let http = HTTPExchange(port: try #require(cairn.port), token: token)
      let api = "/api/2.0/mlflow/"
      // Nobody listens there until later.
      let receiver = try CairnInstance.freePort()
      let created = try http.post(
        api + "webhooks",
        [
          "name": "late", "url": "http://127.0.0.1:\(receiver)/late",
          "events": [["entity": "MODEL_VERSION_TAG", "action": "SET"]],
        ])
      #expect(created.status == 200, "\(created)")
      let tag = ["name": "digits", "version": "1", "key": "after", "value": "kill"]
      #expect(try http.post(api + "model-versions/set-tag", tag).status == 200)
      let daemon = try #require(try cairn.json("system", "info")["pid"] as? Int32)
      #expect(kill(daemon, SIGKILL) == 0)
      try cairn.eventually("cairnd answers again") {
        (try? cairn.json("system", "info")["pid"] as? Int32).map { $0 != daemon } ?? false
      }
      let listener = try RunningCommand(
        program: "/usr/bin/python3",
        arguments: [
          "-c",
          """
          import http.server
          class Receiver(http.server.BaseHTTPRequestHandler):
              def do_POST(self):
                  print(self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
                  self.send_response(204)
                  self.end_headers()
          http.server.HTTPServer(("127.0.0.1", \(receiver)), Receiver).handle_request()
          """,
        ], directory: "/", environment: ["PATH": "/usr/bin:/bin"])
      defer { listener.kill() }
      try cairn.eventually("it is delivered", within: 120) {
        listener.outputSoFar.contains(#""key":"after","value":"kill""#)
      }
    }
  }

  @Test func withoutBeingToldSoNoWebhookGoesToThisHost() throws {
    try CairnInstance.with(listens: true) { cairn in
      let token = try cairn.cairn("token", "create").output.trimmingCharacters(in: .newlines)
      let http = HTTPExchange(port: try #require(cairn.port), token: token)
      for host in ["127.0.0.1", "localhost", "[::1]", "0x7f000001", "[::ffff:127.0.0.1]", "10.0.0.1"] {
        let answer = try http.post(
          "/api/2.0/mlflow/webhooks",
          ["name": "w", "url": "http://\(host):1/", "events": [["entity": "MODEL_VERSION", "action": "CREATED"]]])
        #expect(answer.status == 400 && answer.body.contains("control.webhooks"), "\(host): \(answer)")
      }
    }
  }

  /// The calls of the registry with their statuses. How files are fetched is the client's business.
  private func calls(in exchanges: String) throws -> [String] {
    let all = try #require(try JSONSerialization.jsonObject(with: Data(exchanges.utf8)) as? [[String: Any]])
    return try all.filter { ($0["request"] as? String)?.contains("model-versions/") ?? false }.map { exchange in
      String(decoding: try JSONSerialization.data(withJSONObject: exchange, options: .sortedKeys), as: UTF8.self)
    }
  }
}
