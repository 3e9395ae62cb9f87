/// What a sweep searches, how, and for how long.
public struct SearchSpecification: Hashable, Codable, Sendable {
  /// The most trials that a sweep can have.
  public static let mostTrials = 100_000

  public enum Goal: String, Codable, Sendable {
    case minimize, maximize
  }

  /// Where the parameters of the next trial come from.
  public enum Sampling: String, Codable, Sendable {
    case grid, random, sobol
    /// From outside: ``Searcher`` asks for them by ``SearchDecision/suggest(trial:)``.
    case suggested
  }

  /// Which trials end before their time.
  public enum Stopping: Hashable, Codable, Sendable {
    case none
    /// Asynchronous successive halving: brackets of rungs, each with its share of the trials.
    case rungs([Bracket], divisor: Double)
    case median(MedianRule)
  }

  public struct Bracket: Hashable, Codable, Sendable {
    /// Times at which trials are compared, ascending.
    public var rungs: [Int64]
    /// How many trials it gets; nil: any number.
    public var trials: Int?

    public init(rungs: [Int64], trials: Int?) {
      self.rungs = rungs
      self.trials = trials
    }
  }

  public struct MedianRule: Hashable, Codable, Sendable {
    /// So many trials must have succeeded before any is stopped.
    public var startupTrials: Int
    /// No trial is stopped at this time or before.
    public var warmupTime: Int64
    /// Trials are compared at multiples of it.
    public var interval: Int64

    public init(startupTrials: Int = 5, warmupTime: Int64 = 0, interval: Int64 = 1) {
      self.startupTrials = startupTrials
      self.warmupTime = warmupTime
      self.interval = interval
    }
  }

  /// Population-based training: bad members go on from a good one's checkpoint, with parameters near its own.
  public struct Population: Hashable, Codable, Sendable {
    /// How many members; as many trials run at a time.
    public var size: Int
    /// The time between two looks at a member.
    public var interval: Int64
    /// Which part counts as good, and which as bad; at most a half.
    public var fraction: Double
    /// Whether a trial that goes on from a checkpoint counts its time from there, rather than from zero.
    public var timeGoesOn: Bool

    public init(size: Int, interval: Int64, fraction: Double = 0.25, timeGoesOn: Bool) {
      self.size = size
      self.interval = interval
      self.fraction = fraction
      self.timeGoesOn = timeGoesOn
    }
  }

  public var space: SearchSpace
  public var goal: Goal
  /// A metric as good as this ends the search: trials that run go on, no others begin.
  public var target: Double?
  public var sampling: Sampling
  public var stopping: Stopping
  /// With it, `stopping` is ``Stopping/none`` and `maxConcurrent` its size.
  public var population: Population?
  public var maxTrials: Int
  public var maxConcurrent: Int
  /// A trial that goes on beyond it is stopped; nil: trials end by themselves.
  public var maxTime: Int64?
  /// So many trials that fail, one after another, end the sweep.
  public var maxFailures: Int
  public var seed: UInt64

  public init(
    space: SearchSpace, goal: Goal, target: Double? = nil, sampling: Sampling, stopping: Stopping = .none,
    population: Population? = nil, maxTrials: Int, maxConcurrent: Int, maxTime: Int64? = nil, maxFailures: Int = 5,
    seed: UInt64
  ) {
    self.space = space
    self.goal = goal
    self.target = target
    self.sampling = sampling
    self.stopping = stopping
    self.population = population
    self.maxTrials = maxTrials
    self.maxConcurrent = maxConcurrent
    self.maxTime = maxTime
    self.maxFailures = maxFailures
    self.seed = seed
  }
}
