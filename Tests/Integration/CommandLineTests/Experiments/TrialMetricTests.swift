import Foundation
import Testing

@Suite(.serialized) struct TrialMetricTests {
  @Test(arguments: [("mlflow", "mlflow-3"), ("tensorboard", "tensorboard")])
  func `the searcher reads what a trial logs by MLflow's client or for TensorBoard`(
    client: String, environment: String
  ) throws {
    try CairnInstance.with { cairn in
      try FileManager.default.copyItem(
        atPath: MLflowClient.script("sweep_trial"), toPath: cairn.directory + "/project/sweep_trial.py")
      try cairn.write(
        """
        name: read
        command: [\(MLflowClient.python(environment)), sweep_trial.py, \(client), "${args}"]
        cpus: 0.5
        metric: loss
        searcher: grid
        parameters: {level: {values: [2, 0.5, 1]}}
        """, to: "read.yaml")
      let run = try cairn.cairn("experiment", "run", "read.yaml")
      #expect(run.code == 0, "\(run)")
      let trials = try cairn.trials("read")
      #expect(trials.map { $0["values"] as? Int } == [9, 9, 9])
      for (trial, level) in zip(trials, [2, 0.5, 1]) {
        // TensorBoard's values have single precision.
        let best = try #require(trial["best"] as? Double)
        #expect(abs(best - level - 1.0 / 9) < 1e-6)
      }
      #expect((try cairn.experiment("read")["experiment"] as? [String: Any])?["best_trial"] as? Int == 1)
    }
  }
}
