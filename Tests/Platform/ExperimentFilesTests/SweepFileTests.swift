import Searchers
import TestSupport
import Testing

@testable import ExperimentFiles

func sweep(_ text: String) throws -> Sweep {
  guard case .sweep(let sweep) = try ExperimentFile(parsing: text, seed: 5).work else {
    throw ExperimentFileError(line: nil, key: "", "is no sweep")
  }
  return sweep
}

/// What is said of a file that can't be run; empty: it can.
func complaint(_ text: String) -> String {
  do {
    _ = try ExperimentFile(parsing: text, seed: 5)
    return ""
  } catch {
    return "\(error)"
  }
}

struct SweepFileTests {
  /// The examples of Weights & Biases' documentation have this form.
  static let weightsAndBiases = """
    program: train.py
    name: sweepdemo
    project: first_sweep
    entity: somebody
    method: bayes
    run_cap: 30
    metric:
      goal: minimize
      name: validation_loss
      target: 0.01
    parameters:
      batch_size:
        distribution: q_log_uniform_values
        max: 256
        min: 32
        q: 8
      dropout:
        values: [0.3, 0.4, 0.5]
      epochs:
        value: 1
      learning_rate:
        distribution: uniform
        max: 0.1
        min: 0
      layers: {min: 1, max: 8}
      momentum: {distribution: log_uniform, min: -5, max: 0}
      noise: {distribution: normal, mu: 0, sigma: 0.1}
      optimizer:
        parameters:
          name: {values: ["adam", "sgd"], probabilities: [3, 1]}
          decay: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}
    early_terminate:
      type: hyperband
      min_iter: 3
      eta: 2
    command:
      - ${env}
      - ${interpreter}
      - ${program}
      - "-u"
      - ${args}
    """

  @Test func `a sweep file of Weights & Biases is read as it is`() throws {
    let file = try ExperimentFile(parsing: Self.weightsAndBiases, seed: 5)
    #expect(file.name == "sweepdemo")
    #expect(file.project == "first_sweep")
    let sweep = try sweep(Self.weightsAndBiases)
    #expect(sweep.metric == .init(name: "validation_loss", time: .count))
    #expect(sweep.search.goal == .minimize)
    #expect(sweep.search.target == 0.01)
    #expect(sweep.search.sampling == .suggested)
    #expect(sweep.suggester?.sampler == .tpe)
    #expect(sweep.search.maxTrials == 30)
    #expect(sweep.search.stopping == .hyperband(minTime: 3, divisor: 2))
    let shapes = Dictionary(uniqueKeysWithValues: sweep.search.space.dimensions.map { ($0.name, $0.distribution) })
    #expect(shapes["batch_size"] == Distribution(.logUniform(min: 32, max: 256), quantum: 8))
    #expect(
      shapes["dropout"] == Distribution(.categorical([.number(0.3), .number(0.4), .number(0.5)], probabilities: nil)))
    #expect(shapes["epochs"] == .constant(.integer(1)))
    #expect(shapes["learning_rate"] == Distribution(.uniform(min: 0, max: 0.1)))
    #expect(shapes["layers"] == Distribution(.integer(min: 1, max: 8)))
    #expect(shapes["noise"] == Distribution(.normal(mean: 0, deviation: 0.1)))
    #expect(
      shapes["optimizer.name"]
        == Distribution(.categorical([.text("adam"), .text("sgd")], probabilities: [0.75, 0.25])))
    #expect(shapes["optimizer.decay"] == Distribution(.logUniform(min: 1e-5, max: 0.1)))
    guard case .logUniform(let low, let high)? = shapes["momentum"]?.shape else {
      throw ExperimentFileError(line: nil, key: "", "")
    }
    #expect(abs(low - 0.006737947) < 1e-9)
    #expect(high == 1)
    // The order is the file's.
    #expect(sweep.search.space.dimensions.map(\.name).prefix(3) == ["batch_size", "dropout", "epochs"])
  }

  @Test func `Cairn's own form says the searcher and its limits`() throws {
    let sweep = try sweep(
      """
      command: [python3, train.py, "--lr=${parameter:lr}"]
      cpus: 0.5
      memory: 512m
      metric: {name: accuracy, goal: maximize, time: step}
      searcher: {type: adaptive_asha, max_time: 64, divisor: 4, mode: aggressive, sampler: sobol}
      max_trials: 100
      max_concurrent: 8
      seed: 42
      parameters:
        lr: {distribution: log_uniform_values, min: 0.001, max: 1}
        epochs: 64
      """)
    #expect(sweep.search.sampling == .sobol)
    #expect(sweep.search.seed == 42)
    #expect(sweep.search.maxTime == 64)
    #expect(sweep.search.stopping == .adaptiveASHA(maxTime: 64, maxTrials: 100, mode: .aggressive))
    #expect(sweep.metric?.time == .step)
    let population = try self.sweepOf(
      searcher: "{type: pbt, population: 4, interval: 5, max_time: 50}", limits: "max_trials: 20")
    #expect(population.search.population == .init(size: 4, interval: 5, timeGoesOn: true))
    #expect(population.search.maxConcurrent == 4)
    let median = try self.sweepOf(
      searcher: "random", limits: "max_trials: 20\nstopping: {type: median, startup_trials: 2}")
    #expect(median.search.stopping == .median(.init(startupTrials: 2)))
    let gp = try self.sweepOf(
      searcher: "{type: gp, max_trials: 9}", limits: "optuna: {image: optuna-image, python: /opt/python}")
    #expect(gp.suggester == Suggester(sampler: .gp, image: "optuna-image", python: "/opt/python", startupTrials: 10))
  }

  private func sweepOf(searcher: String, limits: String) throws -> Sweep {
    try sweep(
      "command: train\nmetric: loss\nsearcher: \(searcher)\n\(limits)\nparameters: {lr: {min: 0.0, max: 1}}")
  }

  @Test(arguments: [
    ("method: random\nparameters: {a: 1}\nrun_cap: 3", "needs a `command`"),
    ("command: x\nparameters: {a: 1}", "needs either `searcher`"),
    ("command: x\nsearcher: random\nparameters: {a: 1}", "goes on without end"),
    ("command: x\nsearcher: best\nparameters: {a: 1}", "line 2: `searcher` must be one of grid"),
    ("command: x\nsearcher: grid\nparameters:\n  a: {min: 0.0, max: 1}", "has no list of values"),
    ("command: x\nsearcher: grid\nparameters:\n  a: {values: []}", "line 4: `parameters.a.values` is empty"),
    ("command: x\nsearcher: grid\nparameters:\n  a:\n    min: 3\n    max: 1", "has a `min` above its `max`"),
    ("command: x\nsearcher: grid\nparameters:\n  a: [1, 2]", "write {values"),
    ("command: x\nsearcher: grid\nparameters:\n  a: {value: 1, vlaue: 2}", "`parameters.a.vlaue` is not known here"),
    ("command: x\nsearcher: grid\nparamters: {}\nparameters: {a: 1}", "`paramters` is not known here"),
    ("command: x ${argz}\nsearcher: grid\nparameters: {a: 1}", "macro ${argz}"),
    ("command: python -c 'x y'\nsearcher: grid\nparameters: {a: 1}", "has quotes"),
    ("command: x\nsearcher: asha\nmax_trials: 3\nmetric: m\nparameters: {a: 1}", "needs `max_time`"),
    ("command: x\nsearcher: {type: asha, max_time: 9}\nmax_trials: 3\nparameters: {a: 1}", "needs a `metric`"),
    (
      "command: x\nsearcher: {type: asha, max_time: 9}\nmax_trials: 3\nmetric: m\nstopping: median\nparameters: {a: 1}",
      "rule of its own"
    ),
    ("a: &x [1]\nb: *x", "line 1: has an anchor"), ("", "the file is empty"), ("- 1", "must be a mapping"),
    ("command: [\nx: {", "it is not YAML"), ("name: \"a b\"\ncommand: x", "line 1: `name` can't be"),
    (String(repeating: "[", count: 1000), "nested too deeply"),
    (String(repeating: "- ", count: 1000) + "x", "nested too deeply"),
    (String(repeating: "a", count: 300 << 10), "longer than 256 KiB"),
    ("command: x\nmemory: much\nsearcher: grid\nparameters: {a: 1}", "`memory` must begin with a number"),
    ("command: x\ntimeout: 3 weeks\nsearcher: grid\nparameters: {a: 1}", "`timeout` must be a time"),
  ])
  func `what is wrong is said with its line and key`(text: String, expected: String) {
    let said = complaint(text)
    #expect(said.contains(expected), "\(said)")
  }

  @Test(arguments: testSeeds(20)) func `no file that was damaged crashes the reader`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var bytes = Array(Self.weightsAndBiases.utf8)
    for _ in 0..<200 {
      let place = Int.random(in: bytes.indices, using: &random)
      switch Int.random(in: 0..<3, using: &random) {
      case 0: bytes[place] = Array("{}[]:,-*&!|>'\"%@`#\n 0a\t".utf8).randomElement(using: &random) ?? 0
      case 1: bytes.remove(at: place)
      default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
      }
      // Whatever it says; what it takes must have trials.
      if let file = try? ExperimentFile(parsing: String(decoding: bytes, as: UTF8.self), seed: 1),
        case .sweep(let sweep) = file.work
      {
        #expect(sweep.search.maxTrials > 0)
      }
    }
  }
}
