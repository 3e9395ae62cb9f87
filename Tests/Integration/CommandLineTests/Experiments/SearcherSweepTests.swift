import Foundation
import Testing

/// Sweeps whose searchers need checkpoints in the mount.
@Suite(.serialized) struct SearcherSweepTests {
  @Test func `bad members of a population go on from a good one's checkpoint`() throws {
    try CairnInstance.with { cairn in
      try cairn.copy(example: "sweep")
      try cairn.write(
        """
        import json, os, sys, time, urllib.request
        def call(endpoint, body):
            request = urllib.request.Request(
                os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/" + endpoint, json.dumps(body).encode(),
                {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]})
            return json.load(urllib.request.urlopen(request))
        directory = os.environ["CAIRN_CHECKPOINT_DIR"]
        path = directory + "/state.json"
        state = json.load(open(path)) if os.path.exists(path) else {"score": 0, "steps": 0, "lineage": []}
        state["lineage"].append(os.environ["CAIRN_TRIAL"])
        speed = json.load(open(os.environ["CAIRN_PARAMETERS"]))["speed"]
        tags = [{"key": k, "value": v} for k, v in json.loads(os.environ["MLFLOW_RUN_CONTEXT"]).items()]
        run = call("runs/create", {"experiment_id": "0", "tags": tags})["run"]["info"]["run_id"]
        while state["steps"] < 60:
            state["steps"] += 1
            state["score"] += speed
            with open(path + ".new", "w") as file: json.dump(state, file)
            os.rename(path + ".new", path)
            call("runs/log-metric", {"run_id": run, "key": "score", "value": state["score"], "timestamp": int(time.time() * 1000)})
            time.sleep(0.1)
        print(json.dumps(state["lineage"]))
        """, to: "member.py")
      try cairn.write(
        """
        name: population
        command: [python3, member.py]
        cpus: 0.25
        metric: {name: score, goal: maximize}
        searcher: {type: pbt, population: 4, interval: 10, max_time: 200}
        max_trials: 8
        seed: 5
        parameters: {speed: {min: 0.1, max: 10.0}}
        """, to: "population.yaml")
      let run = try cairn.cairn("experiment", "run", "population.yaml")
      #expect(run.code == 0, "\(run)")
      let trials = try cairn.trials("population")
      let heirs = trials.filter { $0["origin"] is Int && $0["state"] as? String == "succeeded" }
      #expect(!heirs.isEmpty, "\(trials)")
      for heir in heirs {
        // It began with what its origin had written, and that with what its own had.
        let origin = try #require(heir["origin"] as? Int)
        let lineage = try cairn.cairn("job", "logs", heir["job"] as? String ?? "").output
        #expect(lineage.contains("\"\(origin)\", \"\(heir["number"] ?? "")\"]"), "\(lineage)")
      }
      #expect(trials.contains { $0["stop_reason"] as? String == "replaced" })
    }
  }
}
