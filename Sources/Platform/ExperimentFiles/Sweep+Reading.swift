import Searchers

extension Sweep {
  /// Trials at a time, where the file does not say.
  private static let usualConcurrency = 4

  init(reading fields: inout FileFields, _ template: JobTemplate, seed: UInt64) throws {
    program = try fields.take("program") { try $0.text() }
    let command = try fields.take("command") { try $0.command() }
    guard command?.isEmpty == false || program != nil else {
      throw fields.owner.fault("needs a `command`, or a `program` as Weights & Biases has it")
    }
    self.command = command ?? ["${env}", "${interpreter}", "${program}", "${args}"]
    try TrialCommand.check(self.command, program: program, line: fields.owner.line)

    let space = try SearchSpace(reading: fields.need("parameters"))
    let given = try fields.take("metric") { try MetricFields($0) }
    metric = given.map { Metric(name: $0.name, time: $0.time) }

    var searcher = try SearcherFields(&fields)
    try searcher.readLimits(&fields)
    let early = fields.take("early_terminate")
    let stopping = fields.take("stopping")
    if let early, let stopping { throw stopping.fault("can't stand beside \(early.key)") }
    if let early { searcher.stopping = try earlyTerminate(early) }
    if let stopping { searcher.stopping = try searcher.stopping(stopping) }
    let optuna = fields.take("optuna")
    suggester = try searcher.suggester(optuna, template)

    search = SearchSpecification(
      space: space, goal: given?.goal ?? .minimize, target: given?.target, sampling: searcher.sampling,
      stopping: searcher.stopping, population: searcher.population, maxTrials: 0,
      maxConcurrent: searcher.maxConcurrent ?? searcher.population?.size ?? Self.usualConcurrency,
      maxTime: searcher.maxTime, maxFailures: searcher.maxFailures ?? 5, seed: searcher.seed ?? seed)
    search.maxTrials = try searcher.trials(of: space)
    if let plan = searcher.plan, let time = search.maxTime { search.stopping = plan(time, search.maxTrials) }
    if let size = search.population?.size {
      search.maxConcurrent = size
      search.population?.timeGoesOn = metric?.time == .count
    }
    let compares = search.stopping != .none || search.population != nil || search.sampling == .suggested
    if compares && metric == nil { throw searcher.origin.fault("compares trials, so the file needs a `metric`") }
  }
}

/// The key `metric`.
private struct MetricFields {
  var name: String
  var goal: SearchSpecification.Goal
  var target: Double?
  var time: Sweep.Metric.Time

  init(_ node: FileNode) throws {
    if !node.isMapping {
      (name, goal, time) = (try node.text(), .minimize, .count)
      return
    }
    var fields = try node.fields()
    name = try fields.need("name").text()
    goal = try fields.take("goal") { try $0.goal() } ?? .minimize
    target = try fields.take("target") { try $0.number() }
    time = try fields.take("time") { try $0.choice(Sweep.Metric.Time.self) } ?? .count
    // Weights & Biases knows it and never uses it.
    _ = fields.take("impute")
    try fields.end()
  }
}

extension FileNode {
  fileprivate func goal() throws -> SearchSpecification.Goal {
    switch try text() {
    case "minimize", "min": .minimize
    case "maximize", "max": .maximize
    default: throw fault("must be minimize or maximize")
    }
  }
}

/// `early_terminate`, as Weights & Biases has it.
private func earlyTerminate(_ node: FileNode) throws -> SearchSpecification.Stopping {
  var fields = try node.fields()
  let type = try fields.need("type")
  guard try type.text() == "hyperband" else {
    throw type.fault("must be hyperband; Cairn's own key `stopping` knows median, too")
  }
  let divisor = try fields.take("eta") { try $0.divisor() } ?? 3
  let count = try fields.take("s") { try $0.integer(1...100) }
  let most = try fields.take("max_iter") { try $0.integer(1...1_000_000_000) }
  let least = try fields.take("min_iter") { try $0.integer(1...1_000_000_000) }
  _ = fields.take("strict")
  try fields.end()
  if let least { return .hyperband(minTime: Int64(least), divisor: divisor, count: count ?? 10) }
  guard let most else { throw node.fault("needs min_iter, or max_iter and s") }
  guard let count else { throw node.fault("needs s beside max_iter") }
  return .hyperband(maxTime: Int64(most), divisor: divisor, count: count)
}

extension FileNode {
  func divisor() throws -> Double {
    let number = try number()
    guard number >= 1.5, number <= 1000 else { throw fault("must be from 1.5 to 1000") }
    return number
  }
}
