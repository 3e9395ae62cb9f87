import Foundation
import Glibc
import Testing

/// The tracker with MLflow's own client, beside MLflow's own server.
@Suite(.serialized) struct TrackingTests {
  private func token(_ cairn: CairnInstance, _ arguments: String...) throws -> String {
    let outcome = try cairn.begin(["token", "create"] + arguments).finish()
    guard outcome.code == 0 else { throw CairnInstance.Problem(description: "\(outcome)") }
    return outcome.output.trimmingCharacters(in: .newlines)
  }

  @Test func clientsOldAndNewAreToldWhatMLflowsServerTellsThem() throws {
    try CairnInstance.with(listens: true) { cairn in
      let port = try #require(cairn.port)
      let token = try token(cairn)
      try withMLflowServer { server in
        // The first one compares statuses and shapes as well: it is of the server's own version.
        let wanted = try MLflowClient.run("everyday", "mlflow-3", uri: server)
        let got = try MLflowClient.run(
          "everyday", "mlflow-3", uri: "http://127.0.0.1:\(port)/p/newest", token: token)
        #expect(got.output == wanted.output)
        #expect(got.exchanges == wanted.exchanges)
        // Models, curves, and what scikit-learn and PyTorch log by themselves, of which threads send in any order.
        let scripts = [
          ("models", "mlflow-server"), ("curves", "mlflow-3"), ("autolog", "mlflow-server"),
          ("autolog_pytorch", "torch"),
        ]
        for (script, client) in scripts {
          let wanted = try MLflowClient.run(script, client, uri: server)
          let got = try MLflowClient.run(script, client, uri: "http://127.0.0.1:\(port)/p/\(script)", token: token)
          #expect(got.output == wanted.output, "\(script)")
          if !script.hasPrefix("autolog") { #expect(got.exchanges == wanted.exchanges, "\(script)") }
        }
        for version in ["mlflow-2.22", "mlflow-2.9"] {
          let old = try MLflowClient.run(
            "everyday", version, uri: "http://127.0.0.1:\(port)/p/by-\(version)", token: token)
          #expect(old.output == wanted.output, "\(version)")
        }
      }
    }
  }

  @Test func inAJobArtifactsAreFilesAndTheSupervisorClosesRuns() throws {
    try CairnInstance.with(listens: true) { cairn in
      let source = try String(contentsOfFile: MLflowClient.script("in_a_job"), encoding: .utf8)
      try cairn.write(source, to: "in_a_job.py")
      let commit = String(repeating: "ab12", count: 10)
      try FileManager.default.createDirectory(
        atPath: cairn.directory + "/project/.git", withIntermediateDirectories: true)
      try cairn.write(commit + "\n", to: ".git/HEAD")
      let python = MLflowClient.python("mlflow-3")
      let run = try cairn.cairn("run", "--project", "p", "--name", "trained", "--", python, "in_a_job.py")
      #expect(run.code == 0, "\(run)")
      let told = run.output.split(separator: "\n").filter { !$0.contains("View ") }
      #expect(told == ["uri /artifacts/mlflow", "file hello", "listed ['notes']", "tags True"])

      let killed = try cairn.cairn("run", "--project", "p", "--name", "killed", "--", python, "in_a_job.py", "die")
      #expect(killed.code == 137, "\(killed)")
      let http = HTTPExchange(port: try #require(cairn.port), token: try token(cairn, "--project", "p"))
      let found = try http.post(
        "/api/2.0/mlflow/runs/search", ["experiment_ids": ["1"], "order_by": ["attributes.start_time ASC"]])
      #expect(found.body.contains("{\"key\":\"mlflow.source.git.commit\",\"value\":\"\(commit)\"}"))
      let runs = try #require(try found.json()["runs"] as? [[String: Any]]).compactMap { $0["info"] as? [String: Any] }
      // The job knows its runs as well.
      let ofJob = try #require(try cairn.json("job", "show", "killed")["runs"] as? [[String: Any]])
      #expect(ofJob.compactMap { $0["status"] as? String } == ["FINISHED", "FAILED"])
      #expect(try cairn.cairn("job", "show", "killed").output.contains("left open"))
      #expect(runs.compactMap { $0["status"] as? String } == ["FINISHED", "FINISHED", "FAILED"])
      #expect(runs.allSatisfy { $0["end_time"] != nil })
      // Whoever asks from elsewhere is told of no directory: they would write into one of their own.
      for run in runs {
        let uri = try #require(run["artifact_uri"] as? String)
        #expect(uri.hasPrefix("mlflow-artifacts:/1/"))
      }
      let first = try #require(runs[0]["run_id"] as? String)
      let path = "/api/2.0/mlflow-artifacts/artifacts/1/\(first)/artifacts/notes/hello.txt"
      #expect(try http.get(path).body.contains("hello"))
      // What Python had at hand is there without any code.
      let packages = "/api/2.0/mlflow-artifacts/artifacts/1/\(first)/artifacts/cairn/environment/requirements.txt"
      let lines = try http.get(packages).body.split(separator: "\n")
      #expect(
        lines.contains { $0.hasSuffix("# \(python)") } && lines.contains { $0.hasPrefix("mlflow-skinny==3.") },
        "\(lines)")
      // The job's artifacts are sealed; that is no fault of the server, which a client would try again.
      #expect(try http.send("PUT", path, "changed").status == 409)
      #expect(try http.get("/api/2.0/mlflow-artifacts/artifacts/1/\(first)/artifacts/..%2f..%2fx").status == 400)
      #expect(try http.get("/api/2.0/mlflow-artifacts/artifacts/1/\(first)/artifacts/%252e%252e/x").status == 400)
    }
  }

  @Test func theRunsOfAJobAreTaggedWithTheDigestOfItsImage() throws {
    func shell(_ script: String) throws -> String {
      let outcome = try RunningCommand(
        program: "/bin/sh", arguments: ["-c", script], directory: "/",
        environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
      ).finish()
      guard outcome.code == 0 else { throw CairnInstance.Problem(description: "\(script): \(outcome)") }
      return outcome.output.trimmingCharacters(in: .newlines)
    }
    let image = "localhost/cairn-test-digest:\(UUID().uuidString.lowercased())"
    _ = try shell(
      """
      files=$(ldd /bin/sh | grep -o '/[^ ]*')
      tar -C / -chf - ./bin/sh $(for f in $files; do echo .$f; done) | podman import --quiet - \(image)
      """)
    do {
      let digest = try shell("podman image inspect --format '{{.Digest}}' \(image)")
      try CairnInstance.with(listens: true) { cairn in
        // What MLflow's client makes tags of.
        let run = try cairn.cairn(
          "run", "--image", image, "--name", "seen", "--", "/bin/sh", "-c", "echo $MLFLOW_RUN_CONTEXT")
        #expect(run.code == 0, "\(run)")
        let tags = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(tags["cairn.image_digest"] as? String == digest && digest.hasPrefix("sha256:"), "\(run)")
        #expect(tags["cairn.image"] as? String == image)
        let attempts = try #require(try cairn.json("job", "show", "seen")["attempts"] as? [[String: Any]])
        #expect(attempts.compactMap { $0["image_digest"] as? String } == [digest])
      }
    } catch {
      _ = try shell("podman rmi --force \(image)")
      throw error
    }
    _ = try shell("podman rmi --force \(image)")
  }

  @Test func aRunThatItsClientEndedAsTheProgramFailedIsFailed() throws {
    try CairnInstance.with(listens: true) { cairn in
      try cairn.write(String(contentsOfFile: MLflowClient.script("ends"), encoding: .utf8), to: "ends.py")
      func statuses(_ job: String) throws -> [String] {
        let runs = try #require(try cairn.json("job", "show", job)["runs"] as? [[String: Any]])
        return runs.compactMap { $0["status"] as? String }
      }
      for (way, version, code, status) in [
        ("exit", "mlflow-3", 3, "FAILED"), ("raise", "mlflow-2.9", 1, "FAILED"), ("well", "mlflow-3", 0, "FINISHED"),
      ] {
        let run = try cairn.cairn("run", "--name", way, "--", MLflowClient.python(version), "ends.py", way)
        #expect(run.code == code, "\(run)")
        #expect(try statuses(way) == ["FINISHED", status], "\(way)")
      }
      let run = try cairn.begin(["run", "--name", "stop", "--", MLflowClient.python("mlflow-3"), "ends.py", "stop"])
      try cairn.eventually("it waits", within: 60) { run.outputSoFar.contains("waits") }
      #expect(try cairn.cairn("job", "stop", "stop", "--wait").code == 0)
      _ = run.finish()
      #expect(try statuses("stop") == ["FINISHED", "KILLED"])
    }
  }

  @Test func theExampleOfThePageWorks() throws {
    try CairnInstance.with(listens: true) { cairn in
      let port = try #require(cairn.port)
      let client = URL(fileURLWithPath: MLflowClient.python("mlflow-3")).deletingLastPathComponent().path
      let run = try cairn.runExample(
        ofPage: "tracking.md", ["http://127.0.0.1:7070": "http://127.0.0.1:\(port)"], path: client)
      #expect(run.code == 0, "\(run)")
      // The link that the client prints opens the page.
      let said = run.output + run.complaint
      let link = try #require(said.split(whereSeparator: \.isWhitespace).first { $0.contains("/runs/") }, "\(run)")
      #expect(link.hasPrefix("http://127.0.0.1:\(port)/p/vision/#/experiments/0/runs/"), "\(link)")
      let http = HTTPExchange(port: port, token: try token(cairn))
      let page = try http.get("/p/vision/")
      #expect(page.status == 200 && page.head.contains("text/html"))
      let found = try http.post("/p/vision/api/2.0/mlflow/runs/search", ["experiment_ids": ["0"]]).json()
      let runs = try #require(found["runs"] as? [[String: Any]])
      let metrics = (runs.first?["data"] as? [String: Any])?["metrics"] as? [[String: Any]]
      #expect(runs.count == 1 && metrics?.first?["step"] as? Int == 99, "\(runs)")
    }
  }

  @Test func whatAJobUsesOfTheHostIsAmongItsMetrics() throws {
    try CairnInstance.with(listens: true) { cairn in
      let token = try token(cairn)
      let run = try cairn.begin([
        "run", "--project", "p", "--name", "busy", "--", "sh", "-c",
        """
        curl -s -H "Authorization: Bearer $MLFLOW_TRACKING_TOKEN" -d '{"experiment_id": "0"}' \
          $MLFLOW_TRACKING_URI/api/2.0/mlflow/runs/create >/dev/null
        while :; do :; done
        """,
      ])
      let http = HTTPExchange(port: try #require(cairn.port), token: token)
      var metrics: [String: Double] = [:]
      try cairn.eventually("two samples were taken", within: 40) {
        let found = try http.post("/p/p/api/2.0/mlflow/runs/search", ["experiment_ids": ["0"]]).json()
        let data = (found["runs"] as? [[String: Any]])?.first?["data"] as? [String: Any]
        for metric in data?["metrics"] as? [[String: Any]] ?? [] {
          metrics[metric["key"] as? String ?? ""] = (metric["value"] as? NSNumber)?.doubleValue
        }
        return !metrics.isEmpty
      }
      // A shell that does nothing takes a whole processor, or what others leave of it, and next to no memory.
      let processor = try #require(metrics["system/cpu_utilization_percentage"])
      #expect(processor > 1 && processor < 110, "\(metrics)")
      let memory = try #require(metrics["system/system_memory_usage_megabytes"])
      #expect(memory > 0 && memory < 2000, "\(metrics)")
      #expect(try cairn.cairn("job", "stop", "busy", "--grace", "0", "--wait").code == 0)
      _ = run.finish()
    }
  }

  @Test func whatAProgramWritesForTensorBoardIsInTheTrackerWhileItRunsAndAfter() throws {
    try CairnInstance.with(listens: true) { cairn in
      let source = try String(contentsOfFile: MLflowClient.script("for_tensorboard"), encoding: .utf8)
      try cairn.write(source, to: "train.py")
      let http = HTTPExchange(port: try #require(cairn.port), token: try token(cairn))
      let run = try cairn.begin(["run", "--project", "p", "--", MLflowClient.python("tensorboard"), "train.py"])
      func runs() throws -> [String: [String: Any]] {
        let found = try http.post("/p/p/api/2.0/mlflow/runs/search", ["experiment_ids": ["1"]]).json()
        var runs: [String: [String: Any]] = [:]
        for run in found["runs"] as? [[String: Any]] ?? [] {
          guard let info = run["info"] as? [String: Any], let name = info["run_name"] as? String else { continue }
          runs[name] = info
        }
        return runs
      }
      func steps(_ run: String, _ metric: String) throws -> Int {
        guard let identifier = try runs()[run]?["run_id"] as? String else { return 0 }
        let answer = try http.get("/p/p/api/2.0/mlflow/metrics/get-history?run_id=\(identifier)&metric_key=\(metric)")
        return (try answer.json()["metrics"] as? [[String: Any]])?.count ?? 0
      }
      try cairn.eventually("half of the scalars are there while the job runs") {
        try steps("logs/train", "loss") == 101 && steps("logs/test", "accuracy") == 11
      }
      let outcome = run.finish()
      #expect(outcome.code == 0, "\(outcome)")
      #expect(try steps("logs/train", "loss") == 200)
      #expect(try steps("logs/test", "accuracy") == 20)
      #expect(try runs().values.compactMap { $0["status"] as? String } == ["FINISHED", "FINISHED"])
    }
  }

  @Test func aJobsTokenOpensItsProjectAndDiesWithTheJob() throws {
    try CairnInstance.with(listens: true) { cairn in
      let run = try cairn.begin([
        "run", "--project", "p", "--name", "teller", "--", "sh", "-c",
        "echo $MLFLOW_TRACKING_TOKEN; echo $MLFLOW_TRACKING_URI; while :; do sleep 0.1; done",
      ])
      try cairn.eventually("the job tells its token") { run.outputSoFar.split(separator: "\n").count == 2 }
      let told = run.outputSoFar.split(separator: "\n").map(String.init)
      #expect(told[1].hasSuffix("/p/p"))
      // The link that a client in the job prints leads to the page.
      let address = try #require(URL(string: told[1]))
      let door = HTTPExchange(port: UInt16(address.port ?? 0), headers: ["Host: x"], host: address.host ?? "")
      let link = try door.get("/p/p/")
      let port = try #require(cairn.port)
      #expect(link.status == 302 && link.head.contains("Location: http://127.0.0.1:\(port)/p/p"))
      #expect(try door.get("/v1/jobs").status == 401)
      let http = HTTPExchange(port: try #require(cairn.port), token: told[0])
      let create: [String: Any] = ["experiment_id": "0"]
      let inside = try http.post("/p/p/api/2.0/mlflow/runs/create", create)
      #expect(
        inside.status == 200 && inside.body.contains("file:\\/\\/\\/artifacts")
          || inside.body.contains("file:///artifacts"))
      #expect(try http.post("/p/other/api/2.0/mlflow/runs/create", create).status == 403)
      #expect(try http.get("/v1/jobs").status == 403)
      #expect(try cairn.cairn("job", "stop", "teller", "--grace", "0", "--wait").code == 0)
      _ = run.finish()
      #expect(try http.post("/p/p/api/2.0/mlflow/runs/create", create).status == 401)
      // And its run is closed.
      let mine = HTTPExchange(port: try #require(cairn.port), token: try token(cairn))
      let found = try mine.post("/p/p/api/2.0/mlflow/runs/search", ["experiment_ids": ["0"]])
      #expect(found.body.contains("\"status\":\"KILLED\""))
    }
  }

  @Test func whatWasAcknowledgedIsFoundAgainWhenCairndIsKilled() throws {
    try CairnInstance.with(listens: true) { cairn in
      let http = HTTPExchange(port: try #require(cairn.port), token: try token(cairn))
      let created = try http.post("/api/2.0/mlflow/runs/create", ["experiment_id": "0"]).json()
      let info = try #require((created["run"] as? [String: Any])?["info"] as? [String: Any])
      let run = try #require(info["run_id"] as? String)
      let daemon = try #require(try cairn.json("system", "info")["pid"] as? Int32)
      var acknowledged: [Int] = []
      var isKilled = false
      for step in 0..<400 {
        if step == 200 {
          // Somewhere in the middle of a request, as likely as not.
          DispatchQueue.global().asyncAfter(deadline: .now() + .microseconds(Int.random(in: 0...3000))) {
            kill(daemon, SIGKILL)
          }
        }
        let body: [String: Any] = ["run_id": run, "key": "m", "value": step, "timestamp": step, "step": step]
        guard let answer = try? http.post("/api/2.0/mlflow/runs/log-metric", body) else {
          isKilled = true
          break
        }
        #expect(answer.status == 200)
        acknowledged.append(step)
      }
      #expect(isKilled, "the daemon was not killed in time for the test to say something")
      try cairn.eventually("cairnd answers again") {
        (try? http.get("/api/2.0/mlflow/runs/get?run_id=\(run)").status) == 200
      }
      let history = try http.get("/api/2.0/mlflow/metrics/get-history?run_id=\(run)&metric_key=m").json()
      let steps = try #require(history["metrics"] as? [[String: Any]]).compactMap { $0["step"] as? Int }
      #expect(Set(steps).isSuperset(of: acknowledged))
      // At most the one that was under way.
      #expect(steps.count <= acknowledged.count + 1)
    }
  }

  @Test func withoutTokensProgramsOfThisHostAreServedAndPagesOfOtherSitesAreNot() throws {
    try CairnInstance.with(listens: true, asksForTokens: false) { cairn in
      let port = try #require(cairn.port)
      #expect(try HTTPExchange(port: port).get("/v1/jobs").status == 200)
      let path = "/p/x/api/2.0/mlflow/experiments/get?experiment_id=0"
      #expect(try HTTPExchange(port: port).get(path).status == 200)
      let own = ["Host: localhost:\(port)", "Origin: http://localhost:\(port)"]
      #expect(try HTTPExchange(port: port, headers: own).get("/v1/jobs").status == 200)
      for headers in [
        ["Origin: http://evil.example"], ["Origin: null"], ["Host: evil.example:\(port)"],
        ["Host: localhost.evil.example"], ["Host: 127.0.0.1:\(port)", "Origin: http://127.0.0.1:1"],
      ] {
        for path in ["/v1/jobs", path] {
          #expect(try HTTPExchange(port: port, headers: headers).get(path).status == 403, "\(headers) \(path)")
        }
      }
    }
  }

  @Test func theTCPDoorAsksForAToken() throws {
    try CairnInstance.with(listens: true) { cairn in
      let port = try #require(cairn.port)
      let nobody = try HTTPExchange(port: port).get("/v1/jobs")
      #expect(nobody.status == 401 && nobody.body.contains("cairn token create"))
      #expect(try HTTPExchange(port: port).get("/healthz").status == 200)
      #expect(
        try HTTPExchange(port: port, token: "cairn_" + String(repeating: "0", count: 64)).get("/v1/jobs").status == 401)

      let all = try cairn.json("token", "create", "--name", "laptop")
      let secret = try #require(all["token"] as? String)
      #expect(try HTTPExchange(port: port, token: secret).get("/v1/jobs").status == 200)
      #expect(
        try HTTPExchange(port: port, token: secret).get("/p/x/api/2.0/mlflow/experiments/get?experiment_id=0").status
          == 200)
      // As the password of a user, too.
      let basic = Data("me:\(secret)".utf8).base64EncodedString()
      #expect(try HTTPExchange(port: port, headers: ["Authorization: Basic \(basic)"]).get("/v1/jobs").status == 200)

      // What MLflow's page asks for, beside what its client does.
      let mine = HTTPExchange(port: port, token: secret)
      let created = try mine.post("/ajax-api/2.0/mlflow/runs/create", ["experiment_id": "0"])
      let info = (try created.json()["run"] as? [String: Any])?["info"] as? [String: Any]
      let run = try #require(info?["run_id"] as? String)
      let upload = "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=\(run)&path="
      #expect(try mine.send("POST", upload + "a/b.txt", "uploaded").status == 200)
      #expect(try mine.get("/get-artifact?run_uuid=\(run)&path=a/b.txt").body.contains("uploaded"))
      for path in ["../b", "a/../../b", "%2e%2e/b", ""] {
        #expect(try mine.send("POST", upload + path, "x").status == 400, "\(path)")
      }

      // What can be no project's name is the client's fault, and will be tomorrow.
      for name in ["..%2f..", "%20", "a%2fb", String(repeating: "x", count: 300)] {
        let path = "/p/\(name)/api/2.0/mlflow/experiments/get?experiment_id=0"
        #expect(try HTTPExchange(port: port, token: secret).get(path).status == 400)
      }

      let ofProject = try token(cairn, "--project", "vision")
      #expect(try HTTPExchange(port: port, token: ofProject).get("/v1/jobs").status == 403)
      let path = "api/2.0/mlflow/experiments/get?experiment_id=0"
      #expect(try HTTPExchange(port: port, token: ofProject).get("/p/vision/\(path)").status == 200)
      #expect(try HTTPExchange(port: port, token: ofProject).get("/\(path)").status == 200)
      #expect(try HTTPExchange(port: port, token: ofProject).get("/p/other/\(path)").status == 403)

      // The page is for everybody, for it says nothing; what it shows it asks for with the reader's token.
      for path in ["/", "/p/vision", "/p/vision/"] {
        let page = try HTTPExchange(port: port).get(path)
        #expect(page.status == 200 && page.head.contains("text/html") && page.head.contains("Content-Security-Policy"))
      }

      let served = try HTTPExchange(port: port).get("/serve/greeter/a%20b?c=d")
      let place = "Location: http://127.0.0.1:\(cairn.servePort)/serve/greeter/a%20b?c=d"
      #expect(served.status == 307 && served.head.contains(place), "\(served)")

      let listed = try cairn.cairn("token", "ls")
      #expect(listed.output.contains("laptop") && !listed.output.contains(secret))
      #expect(try cairn.cairn("token", "revoke", try #require(all["id"] as? String)).code == 0)
      #expect(try HTTPExchange(port: port, token: secret).get("/v1/jobs").status == 401)
    }
  }
}
