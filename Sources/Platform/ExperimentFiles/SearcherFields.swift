import Searchers

/// The keys that say how a sweep searches: `searcher`, or `method` as Weights & Biases has it, and the limits.
struct SearcherFields {
  private enum Kind: String, CaseIterable {
    case grid, random, sobol, asha
    case adaptiveASHA = "adaptive_asha"
    case population = "pbt"
    case tpe, cmaes, gp
  }

  /// Of W&B.
  private enum Method: String, CaseIterable {
    case grid, random, bayes
  }

  private enum Source: String, CaseIterable {
    case random, sobol, tpe, cmaes, gp
  }

  /// What complaints are about.
  let origin: FileNode
  var sampling = SearchSpecification.Sampling.random
  var stopping = SearchSpecification.Stopping.none
  var population: SearchSpecification.Population?
  /// The stopping rule, where it depends on the longest time and the number of trials.
  var plan: ((Int64, Int) -> SearchSpecification.Stopping)?
  var maxTrials: Int?
  var maxConcurrent: Int?
  var maxTime: Int64?
  var maxFailures: Int?
  var seed: UInt64?
  private var sampler: Suggester.Sampler?
  private var startupTrials = 10

  init(_ fields: inout FileFields) throws {
    let method = fields.take("method")
    let searcher = fields.take("searcher")
    origin = searcher ?? method ?? fields.owner
    guard (method == nil) != (searcher == nil) else {
      throw origin.fault("needs either `searcher`, or `method` as Weights & Biases has it")
    }
    if let method {
      switch try method.choice(Method.self) {
      case .grid: sampling = .grid
      case .random: sampling = .random
      case .bayes: (sampling, sampler) = (.suggested, .tpe)
      }
    } else if let searcher, !searcher.isMapping {
      var none: FileFields?
      try read(searcher.choice(Kind.self), &none)
    } else if let searcher {
      var own = try searcher.fields()
      let kind = try own.need("type").choice(Kind.self)
      try readLimits(&own)
      var rest: FileFields? = own
      try read(kind, &rest)
      try rest?.end()
    }
  }

  /// Keys that stand beside the searcher's or among them.
  mutating func readLimits(_ fields: inout FileFields) throws {
    let most = SearchSpecification.mostTrials
    for key in ["max_trials", "run_cap"] {
      if let count = try fields.take(key, { try $0.integer(1...most) }) { maxTrials = count }
    }
    if let count = try fields.take("max_concurrent", { try $0.integer(1...10_000) }) { maxConcurrent = count }
    if let time = try fields.take("max_time", { try $0.integer(1...1_000_000_000_000) }) { maxTime = Int64(time) }
    if let count = try fields.take("max_failures", { try $0.integer(1...most) }) { maxFailures = count }
    if let number = try fields.take("seed", { try $0.integer(0...Int.max) }) { seed = UInt64(number) }
  }

  private mutating func read(_ kind: Kind, _ fields: inout FileFields?) throws {
    switch kind {
    case .grid: sampling = .grid
    case .random: sampling = .random
    case .sobol: sampling = .sobol
    case .tpe, .cmaes, .gp:
      (sampling, sampler) = (.suggested, Suggester.Sampler(rawValue: kind.rawValue))
      if let count = try fields?.take("startup_trials", { try $0.integer(1...10_000) }) { startupTrials = count }
    case .asha, .adaptiveASHA: try readHalving(kind, &fields)
    case .population: try readPopulation(&fields)
    }
  }

  private mutating func readHalving(_ kind: Kind, _ fields: inout FileFields?) throws {
    let divisor = try fields?.take("divisor") { try $0.divisor() } ?? 4
    let maxRungs = try fields?.take("max_rungs") { try $0.integer(1...30) } ?? 5
    let mode = try fields?.take("mode") { try $0.choice(BracketMode.self) } ?? .standard
    switch try fields?.take("sampler", { try $0.choice(Source.self) }) ?? .random {
    case .random: sampling = .random
    case .sobol: sampling = .sobol
    case .tpe: (sampling, sampler) = (.suggested, .tpe)
    case .cmaes: (sampling, sampler) = (.suggested, .cmaes)
    case .gp: (sampling, sampler) = (.suggested, .gp)
    }
    let isAdaptive = kind == .adaptiveASHA
    plan = { time, trials in
      isAdaptive
        ? .adaptiveASHA(maxTime: time, maxTrials: trials, divisor: divisor, maxRungs: maxRungs, mode: mode)
        : .asha(maxTime: time, divisor: divisor, maxRungs: maxRungs)
    }
  }

  private mutating func readPopulation(_ fields: inout FileFields?) throws {
    guard var own = fields else { throw origin.fault("needs a mapping with `population` and `interval`") }
    let fraction = own.take("fraction")
    let share = try fraction?.number() ?? 0.25
    guard share > 0, share <= 0.5 else { throw fraction?.fault("must be above 0 and at most 0.5") ?? origin.fault("") }
    population = SearchSpecification.Population(
      size: try own.need("population").integer(2...1000),
      interval: Int64(try own.need("interval").integer(1...1_000_000_000)), fraction: share, timeGoesOn: false)
    fields = own
  }

  // MARK: What goes beside it

  /// The key `stopping`.
  func stopping(_ node: FileNode) throws -> SearchSpecification.Stopping {
    if !node.isMapping {
      guard try node.text() == "median" else { throw node.fault("must be median, or a mapping with a `type`") }
      return .median(.init())
    }
    var fields = try node.fields()
    guard try fields.need("type").text() == "median" else { throw node.fault("must be of the type median") }
    let rule = SearchSpecification.MedianRule(
      startupTrials: try fields.take("startup_trials") { try $0.integer(1...100_000) } ?? 5,
      warmupTime: Int64(try fields.take("warmup_time") { try $0.integer(0...1_000_000_000) } ?? 0),
      interval: Int64(try fields.take("interval") { try $0.integer(1...1_000_000_000) } ?? 1))
    try fields.end()
    return .median(rule)
  }

  /// - Parameter node: the key `optuna`.
  func suggester(_ node: FileNode?, _ template: JobTemplate) throws -> Suggester? {
    guard let sampler else {
      if let node { throw node.fault("is of use with the searchers tpe, cmaes and gp, and with W&B's method bayes") }
      return nil
    }
    var suggester = Suggester(
      sampler: sampler, image: template.image, python: "python3", startupTrials: startupTrials)
    guard let node else { return suggester }
    var fields = try node.fields()
    if let own = try fields.take("sampler", { try $0.choice(Suggester.Sampler.self) }) { suggester.sampler = own }
    if let image = try fields.take("image", { try $0.text() }) { suggester.image = image }
    if let python = try fields.take("python", { try $0.text() }) { suggester.python = python }
    try fields.end()
    return suggester
  }

  /// How many trials there can be.
  func trials(of space: SearchSpace) throws -> Int {
    if population != nil || plan != nil, stopping != .none {
      throw origin.fault("stops trials by a rule of its own; leave `stopping` and `early_terminate` out")
    }
    if plan != nil && maxTime == nil {
      throw origin.fault("needs `max_time`: how many values of the metric a trial logs when nobody stops it")
    }
    if sampling == .sobol, space.freedom > 50 {
      throw origin.fault("can't be sobol with more than 50 parameters; random can")
    }
    if sampling == .grid {
      if let endless = space.firstWithoutGrid {
        throw origin.fault("can't be a grid: \(endless.name) has no list of values; give it `values`, or a `q`")
      }
      guard let count = space.gridCount else {
        throw origin.fault("would be a grid of more than \(SearchSpecification.mostTrials) trials")
      }
      return min(count, maxTrials ?? count)
    }
    guard let maxTrials else {
      throw origin.fault("goes on without end; give it `max_trials` (`run_cap` in W&B's files)")
    }
    if let size = population?.size, maxTrials < size {
      throw origin.fault("has a population of \(size) and `max_trials` of \(maxTrials)")
    }
    return maxTrials
  }
}
