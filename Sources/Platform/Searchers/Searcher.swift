/// A hyperparameter search: told what happens, it says what to do.
///
/// It is a value and has no clock, no chance and no memory but its own: the same specification and the same events give
/// the same decisions, so a log of the events is all that is needed to go on after a restart. Events that can't be, such
/// as a report of a trial that has ended, change nothing.
public struct Searcher: Sendable {
  struct Trial: Hashable, Sendable {
    var parameters: [Parameter]
    /// Which rungs it climbs.
    var bracket = 0
    /// Which member of a population it is, and how much time had passed before it began.
    var member = 0
    var timeBefore: Int64 = 0
    /// Smaller is better, whatever the goal.
    var best = Double.infinity
    var time: Int64 = 0
    var stop: StopReason?
    /// nil: it has not ended.
    var outcome: TrialOutcome?

    var hasEnded: Bool { outcome != nil }
    /// Whether there is something to show for it.
    var isOfUse: Bool { best.isFinite || outcome == .succeeded }
  }

  /// Raised whenever the same events may lead to other decisions than before: a log of another version is not replayed.
  public static let version = 1

  public let specification: SearchSpecification
  private(set) var trials: [Trial] = []
  private var ladders: [RungLadder] = []
  private var median: MedianCurves?
  private var population: PopulationState?
  private let sobol: SobolSequence?
  /// Trials whose parameters have been asked for, by number.
  private var asked: Set<Int> = []
  private var live = 0
  private var failuresInARow = 0
  private var hasStarted = false
  private var wantsMore = true
  public private(set) var isClosed = false

  public init(_ specification: SearchSpecification) {
    self.specification = specification
    switch specification.stopping {
    case .none: break
    case .rungs(let brackets, let divisor):
      ladders = brackets.map { RungLadder(rungs: $0.rungs, divisor: divisor) }
    case .median(let rule): median = MedianCurves(rule)
    }
    population = specification.population.map { PopulationState($0) }
    sobol =
      specification.sampling == .sobol
      ? SobolSequence(dimensions: specification.space.freedom, seed: specification.seed) : nil
  }

  /// The best trial so far, by the best value that it has logged; nil: none has logged one.
  public var best: (trial: Int, value: Double)? {
    let best = trials.indices.filter { trials[$0].best.isFinite }.min { trials[$0].best < trials[$1].best }
    return best.map { ($0, trials[$0].best * sign) }
  }

  public var trialCount: Int { trials.count }

  /// Trials whose parameters were asked for and have not come yet.
  public var awaited: [Int] { asked.sorted() }

  /// What follows from an event.
  public mutating func handle(_ event: SearchEvent) -> [SearchDecision] {
    guard !isClosed else { return [] }
    var decisions: [SearchDecision] = []
    switch event {
    case .started: hasStarted = true
    case .suggested(let number, let parameters):
      guard asked.remove(number) != nil else { return [] }
      trials[number].parameters = parameters
      decisions.append(.create(trial: number, parameters: parameters, origin: nil))
    case .reported(let number, let reports):
      guard trials.indices.contains(number), !trials[number].hasEnded, !asked.contains(number) else { return [] }
      for report in reports { if let reason = self.report(report, of: number) { stop(number, reason, &decisions) } }
    case .ended(let number, let outcome):
      guard trials.indices.contains(number), !trials[number].hasEnded, !asked.contains(number) else { return [] }
      end(number, outcome, &decisions)
    }
    guard hasStarted else { return decisions }
    fill(&decisions)
    if live == 0 {
      isClosed = true
      decisions.append(.close(succeeded: failuresInARow < specification.maxFailures && trials.contains { $0.isOfUse }))
    }
    return decisions
  }

  private var sign: Double { specification.goal == .minimize ? 1 : -1 }

  // MARK: Events

  /// - Returns: why the trial has to stop; nil: it goes on.
  private mutating func report(_ report: Report, of number: Int) -> StopReason? {
    var value = report.value.map { $0 * sign } ?? .infinity
    if value.isNaN { value = .infinity }
    let time = report.time + trials[number].timeBefore
    trials[number].time = max(trials[number].time, time)
    if let most = specification.maxTime, time > most { return .maxTime }
    trials[number].best = min(trials[number].best, value)
    if value.isFinite { failuresInARow = 0 }
    if let target = specification.target, value <= target * sign { wantsMore = false }
    // What it still says while it stops is of no account to others.
    guard trials[number].stop == nil else { return nil }
    if !ladders.isEmpty, !ladders[trials[number].bracket].report(value, at: time, of: number) { return .unpromising }
    if median?.report(value, at: time, of: number) == false { return .unpromising }
    if trials.count < specification.maxTrials, wantsMore,
      population?.report(value, at: time, of: number, member: trials[number].member, seed: specification.seed) == true
    {
      return .replaced
    }
    return nil
  }

  private mutating func stop(_ number: Int, _ reason: StopReason, _ decisions: inout [SearchDecision]) {
    guard trials[number].stop == nil else { return }
    trials[number].stop = reason
    decisions.append(.stop(trial: number, reason))
  }

  private mutating func end(_ number: Int, _ outcome: TrialOutcome, _ decisions: inout [SearchDecision]) {
    trials[number].outcome = outcome
    live -= 1
    // A program that dies of the signal that stops it has not failed.
    switch trials[number].stop == nil ? outcome : .stopped {
    case .succeeded:
      failuresInARow = 0
      median?.succeed(number)
    case .failed:
      failuresInARow += 1
      if !ladders.isEmpty { ladders[trials[number].bracket].fail(number) }
      if failuresInARow >= specification.maxFailures {
        wantsMore = false
        for other in trials.indices where !trials[other].hasEnded && !asked.contains(other) {
          stop(other, .failures, &decisions)
        }
      }
    case .stopped: break
    }
    let isReplaced = trials[number].stop == .replaced || (outcome == .failed && trials[number].stop == nil)
    population?.end(trials[number].member, isReplaced: isReplaced)
  }

  // MARK: New trials

  private mutating func fill(_ decisions: inout [SearchDecision]) {
    while wantsMore, live < specification.maxConcurrent, trials.count < specification.maxTrials,
      let decision = nextTrial()
    {
      live += 1
      decisions.append(decision)
    }
  }

  /// nil: there is none, for now or for ever.
  private mutating func nextTrial() -> SearchDecision? {
    let number = trials.count
    var random = SeededRandom(seed: specification.seed, stream: number)
    var trial = Trial(parameters: [])
    if let population {
      guard let member = population.freeMember else { return nil }
      trial.member = member
      if let origin = population.origin(for: member) {
        trial.parameters = specification.space.explored(trials[origin].parameters, using: &random)
        trial.timeBefore = specification.population?.timeGoesOn == true ? trials[origin].time : 0
        self.population?.begin(member, trial: number, time: trials[origin].time)
        trials.append(trial)
        return .create(trial: number, parameters: trial.parameters, origin: origin)
      }
      self.population?.begin(member, trial: number, time: 0)
    }
    trial.bracket = nextBracket()
    if !ladders.isEmpty { ladders[trial.bracket].trials += 1 }
    switch specification.sampling {
    case .grid:
      guard number < specification.space.gridCount ?? 0 else { return nil }
      trial.parameters = specification.space.gridPoint(number)
    case .random: trial.parameters = specification.space.sample(using: &random)
    case .sobol: trial.parameters = specification.space.parameters(at: sobol?.point(number) ?? [])
    case .suggested:
      trials.append(trial)
      asked.insert(number)
      return .suggest(trial: number)
    }
    trials.append(trial)
    return .create(trial: number, parameters: trial.parameters, origin: nil)
  }

  /// The bracket that lacks most of its share.
  private func nextBracket() -> Int {
    guard case .rungs(let brackets, _) = specification.stopping, brackets.count > 1 else { return 0 }
    func filled(_ bracket: Int) -> Double {
      Double(ladders[bracket].trials) / Double(max(brackets[bracket].trials ?? 1, 1))
    }
    return brackets.indices.min { filled($0) < filled($1) } ?? 0
  }
}
