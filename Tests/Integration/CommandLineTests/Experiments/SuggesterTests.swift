import Foundation
import Testing

/// Sweeps whose parameters Optuna proposes, in containers of its own.
@Suite(.serialized) struct SuggesterTests {
  private static let python = MLflowClient.python("optuna")
  /// One that has SciPy and PyTorch as well.
  private static let pythonWithPyTorch = MLflowClient.python("optuna-gp")

  @Test(arguments: ["tpe", "cmaes", "gp"]) func `Optuna proposes parameters from a container of its own`(
    sampler: String
  ) throws {
    try CairnInstance.with { cairn in
      try cairn.copy(example: "sweep")
      try cairn.write(
        """
        name: proposed
        command: [python3, train.py, "${args}"]
        cpus: 0.5
        metric: {name: loss, goal: minimize}
        searcher: {type: \(sampler), startup_trials: 2}
        optuna: {python: \(sampler == "gp" ? Self.pythonWithPyTorch : Self.python)}
        max_trials: 5
        max_concurrent: 2
        seed: 3
        parameters:
          lr: {distribution: log_uniform_values, min: 0.001, max: 1}
          momentum: {values: [0, 0.5]}
          epochs: 2
          pause: 0
        """, to: "proposed.yaml")
      let run = try cairn.cairn("experiment", "run", "proposed.yaml")
      #expect(run.code == 0, "\(run)")
      let trials = try cairn.trials("proposed")
      #expect(trials.count == 5)
      let rates = trials.compactMap { trial in
        (trial["parameters"] as? [[String: Any]])?.first { $0["name"] as? String == "lr" }?["value"] as? Double
      }
      // More than the random ones at the beginning; one that is sure proposes the same again.
      #expect(rates.count == 5 && Set(rates).count > 2)
      #expect(rates.allSatisfy { (0.001...1).contains($0) })
    }
  }

  @Test(arguments: [
    ("bare", "pip install 'optuna>=4'"), ("gp", "pip install scipy torch"),
  ])
  func `what a Python lacks is told as the cause, and how it comes there`(kind: String, remedy: String) throws {
    try CairnInstance.with { cairn in
      let searcher = kind == "gp" ? "searcher: gp\noptuna: {python: \(Self.python)}" : "method: bayes"
      try cairn.write(
        "name: lacking\n\(searcher)\nrun_cap: 3\nmetric: {name: loss}\ncommand: ['true']\n"
          + "parameters: {a: {min: 0.0, max: 1}}", to: "lacking.yaml")
      let run = try cairn.cairn("experiment", "run", "lacking.yaml")
      #expect(run.code == 1, "\(run)")
      #expect(run.complaint.contains(remedy), "\(run)")
    }
  }

  @Test func `a sampler that takes long holds up nothing but the trials that it is asked for`() throws {
    // Not below /tmp, of which a container on the host's root file system sees nothing.
    let slow = "\(MLflowClient.directory)/slow.\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: slow, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: slow) }
    // From its second question on it waits for a file.
    try """
    #!/bin/sh
    cd /run/cairn/optuna
    if [ -e study.journal ]; then touch waiting; while [ ! -e go ]; do sleep 0.05; done; fi
    exec \(Self.python) "$@"
    """.write(toFile: slow + "/python", atomically: true, encoding: .utf8)
    chmod(slow + "/python", 0o755)

    try CairnInstance.with { cairn in
      try cairn.write(Self.program, to: "train.py")
      try cairn.write(
        """
        name: slow
        command: [python3, train.py]
        cpus: 0.25
        metric: loss
        searcher: {type: tpe}
        optuna: {python: \(slow)/python}
        max_trials: 6
        max_concurrent: 3
        max_time: 30
        seed: 3
        parameters: {x: {min: 0.0, max: 1}}
        """, to: "slow.yaml")
      let id = try cairn.cairn("experiment", "run", "slow.yaml", "--detach").output.trimmingCharacters(
        in: .whitespacesAndNewlines)
      let files = "\(cairn.directory)/control/experiments/\(id)/optuna"
      func trial(_ number: Int) throws -> [String: Any] {
        try cairn.trials(id).first { $0["number"] as? Int == number } ?? [:]
      }
      // Trial 0 has ended, and another one's parameters are asked for.
      try cairn.eventually("the sampler is asked", within: 90) {
        FileManager.default.fileExists(atPath: files + "/waiting")
      }
      let before = try trial(1)["values"] as? Int ?? 0
      try cairn.eventually("values are read", within: 40) { try trial(1)["values"] as? Int ?? 0 > before }
      try cairn.eventually("a trial whose time is over is stopped", within: 60) {
        try trial(1)["stop_reason"] as? String == "max_time" && trial(1)["state"] as? String == "stopped"
      }
      #expect(try cairn.trials(id).count == 3)

      // What was asked for comes in the end, and then what ended meanwhile is asked for.
      #expect(FileManager.default.createFile(atPath: files + "/go", contents: nil))
      try cairn.eventually("the others begin", within: 60) {
        try cairn.trials(id).count { ["running", "stopped"].contains($0["state"] as? String) } == 4
      }
      // Also a stop does not wait for it.
      try FileManager.default.removeItem(atPath: files + "/go")
      try FileManager.default.removeItem(atPath: files + "/waiting")
      #expect(try cairn.cairn("job", "stop", trial(2)["job"] as? String ?? "").code == 0)
      try cairn.eventually("the sampler is asked once more", within: 60) {
        FileManager.default.fileExists(atPath: files + "/waiting")
      }
      #expect(try cairn.cairn("experiment", "stop", "--wait", id).output == "\(id) stopped\n")
      try cairn.eventually("nothing is left of the sampler") {
        try RunningCommand(
          program: "/usr/bin/podman", arguments: ["ps", "--all", "--format", "{{.Names}}"], directory: "/",
          environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        ).finish().output.contains("cairn-optuna-\(id)") == false
      }
    }
  }

  /// Trial 0 ends at once, the others log without end.
  private static let program = """
    import json, os, time, urllib.request
    def call(endpoint, body):
        request = urllib.request.Request(
            os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/" + endpoint, json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]})
        return json.load(urllib.request.urlopen(request))
    tags = [{"key": k, "value": v} for k, v in json.loads(os.environ["MLFLOW_RUN_CONTEXT"]).items()]
    run = call("runs/create", {"experiment_id": "0", "tags": tags})["run"]["info"]["run_id"]
    number = int(os.environ["CAIRN_TRIAL"])
    while True:
        call("runs/log-metric", {"run_id": run, "key": "loss", "value": 1.0, "timestamp": int(time.time() * 1000)})
        if number == 0:
            break
        time.sleep(0.1 if number == 1 else 3)
    """
}
