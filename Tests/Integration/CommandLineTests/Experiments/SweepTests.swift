import Foundation
import Testing

@Suite(.serialized) struct SweepTests {
  @Test func `the example's sweep stops bad trials early and finds a good one`() throws {
    try CairnInstance.with { cairn in
      try cairn.copy(example: "sweep")
      let run = try cairn.cairn("experiment", "run", "sweep.yaml")
      #expect(run.code == 0, "\(run)")
      #expect(run.output.contains("LOSS"), "\(run)")
      #expect(try cairn.experimentState("curve") == "succeeded")
      let trials = try cairn.trials("curve")
      #expect(trials.count == 12)
      let stopped = trials.filter { $0["stop_reason"] as? String == "unpromising" }
      #expect(!stopped.isEmpty)
      // The best went to its end, and is what `show` names.
      let best = try #require(trials.min { $0["best"] as? Double ?? 9e9 < $1["best"] as? Double ?? 9e9 })
      #expect(best["values"] as? Int == 27)
      #expect(best["state"] as? String == "succeeded")
      #expect(best["best"] as? Double ?? 1 < 0.05)
      let experiment = try #require(try cairn.experiment("curve")["experiment"] as? [String: Any])
      #expect(experiment["best_trial"] as? Int == best["number"] as? Int)
      // Some of the work was spared.
      let values = trials.compactMap { $0["values"] as? Int }.reduce(0, +)
      #expect(values < 12 * 27, "\(values)")

      // Its runs have the parameters, though the program logged none.
      let job = try #require(best["job"] as? String)
      let compared = try cairn.json("experiment", "compare", "curve", "curve/\(stopped[0]["number"] ?? 0)")
      let parameters = try #require(compared["parameters"] as? [[String: Any]])
      #expect(parameters.contains { $0["name"] as? String == "lr" })
      #expect((compared["jobs"] as? [String])?.first == job)
      let files = try #require(compared["files"] as? [[String: Any]])
      #expect(files.contains { $0["name"] as? String == "weights.json" })

      #expect(try cairn.cairn("experiment", "ls").output.contains("curve"))
      #expect(try cairn.cairn("experiment", "show", "curve").output.contains("best:"))
      #expect(try cairn.cairn("experiment", "rm", "curve").code == 0)
      #expect(try cairn.cairn("experiment", "show", "curve").code == 1)
      #expect(try cairn.cairn("job", "show", job).code == 1)
    }
  }

  @Test func `a sweep file of Weights & Biases runs as it is`() throws {
    try CairnInstance.with { cairn in
      try cairn.copy(example: "sweep")
      let run = try cairn.cairn("experiment", "run", "wandb.yaml", "--json")
      #expect(run.code == 0, "\(run)")
      #expect(try cairn.trials("curve-wandb").count == 6)
    }
  }

  @Test func `a sweep goes on as it had decided when cairnd is killed`() throws {
    try CairnInstance.with { cairn in
      try cairn.copy(example: "sweep")
      let started = try cairn.cairn("experiment", "run", "sweep.yaml", "--detach", "--name", "survivor")
      let id = started.output.trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(started.code == 0, "\(started)")
      var before: [String] = []
      for events in [12, 40] {
        try cairn.eventually("\(events) events are in the log", within: 120) {
          before = try cairn.searchLog(id)
          return before.count >= events
        }
        try cairn.killControlDaemon()
        #expect(Array(try cairn.searchLog(id).prefix(before.count)) == before)
      }
      try cairn.eventually("the sweep is over", within: 240) { try cairn.experimentState(id) != "running" }
      #expect(try cairn.experimentState(id) == "succeeded")
      let log = try cairn.searchLog(id)
      #expect(Array(log.prefix(before.count)) == before)
      let trials = try cairn.trials(id)
      #expect(trials.count == 12)
      // No value was read twice, and none was missed.
      for trial in trials where trial["state"] as? String == "succeeded" {
        #expect(trial["values"] as? Int == 27, "\(trial)")
      }
    }
  }

  @Test func `parameters reach a program as arguments, variables and a file, and a stopped sweep stops its trials`()
    throws
  {
    try CairnInstance.with { cairn in
      try cairn.write(
        """
        name: reach
        command: [sh, -c, 'echo "$0 $CAIRN_PARAM_optimizer_lr $CAIRN_TRIAL $CAIRN_EXPERIMENT_ID"; cat $CAIRN_PARAMETERS; \
        trap "echo told; exit 0" TERM; touch /artifacts/ready; while :; do sleep 0.1; done', '${parameter:optimizer.lr}']
        cpus: 0.25
        searcher: grid
        parameters:
          optimizer: {parameters: {lr: {values: [0.1, 0.2]}}}
          flag: true
        """, to: "grid.yaml")
      let id = try cairn.cairn("experiment", "run", "grid.yaml", "--detach").output.trimmingCharacters(
        in: .whitespacesAndNewlines)
      try cairn.eventually("both trials run", within: 60) {
        try cairn.trials(id).count { trial in
          guard let job = trial["job"] as? String, trial["state"] as? String == "running" else { return false }
          return try cairn.cairn("artifact", "ls", job).output.contains("ready")
        } == 2
      }
      let jobs = try cairn.trials(id).compactMap { $0["job"] as? String }
      let log = try cairn.cairn("job", "logs", jobs[1]).output
      #expect(log == "0.2 0.2 1 \(id)\n{\"flag\":true,\"optimizer\":{\"lr\":0.2}}\n")
      #expect(try cairn.cairn("experiment", "rm", id).code == 1)
      #expect(try cairn.cairn("experiment", "stop", "--wait", "reach").output == "\(id) stopped\n")
      #expect(try cairn.cairn("job", "logs", jobs[0]).output.hasSuffix("told\n"))
      #expect(try cairn.state(of: jobs[0]) == "stopped")
    }
  }

  @Test func `a file that can't be run is refused with its line, and a sweep that always fails ends`() throws {
    try CairnInstance.with { cairn in
      try cairn.write("command: x\nsearcher: grid\nparameters:\n  a: {values: []}\n", to: "bad.yaml")
      let bad = try cairn.cairn("experiment", "run", "bad.yaml")
      #expect(bad.code == 1)
      #expect(bad.complaint.contains("bad.yaml: line 4: `parameters.a.values` is empty"), "\(bad)")
      try cairn.write(
        "name: failing\ncommand: [sh, -c, 'exit 3']\nsearcher: random\nmax_trials: 50\nmax_failures: 2\nmax_concurrent: 1\n"
          + "parameters: {a: {min: 0.0, max: 1}}", to: "failing.yaml")
      let failing = try cairn.cairn("experiment", "run", "failing.yaml")
      #expect(failing.code == 1, "\(failing)")
      #expect(try cairn.trials("failing").count == 2)
    }
  }
}
