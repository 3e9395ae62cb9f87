import TestSupport

@testable import Searchers

/// Runs a search on trials that are no more than curves, in an order that a seed decides.
struct SweepSimulation {
  struct Result {
    var searcher: Searcher
    var events: [SearchEvent] = []
    var decisions: [[SearchDecision]] = []
    /// The parameters of each trial, by number.
    var parameters: [Int: [Parameter]] = [:]
    var origins: [Int: Int] = [:]
    /// How many values each trial logged.
    var lengths: [Int: Int64] = [:]
    var stopped: [Int: StopReason] = [:]
    var mostAtOnce = 0

    var cost: Int64 { lengths.values.reduce(0, +) }
  }

  var specification: SearchSpecification
  /// How long a trial goes on when nobody stops it.
  var length: Int64 = 27
  var failureProbability = 0.0
  /// Values that a trial still logs after it was told to stop, at most.
  var slack = 0
  var value: (_ parameters: [Parameter], _ time: Int64) -> Double

  func run(seed: UInt64) -> Result {
    var random = SeededGenerator(seed: seed)
    var result = Result(searcher: Searcher(specification))
    var live: [Int] = []
    var slack: [Int: Int] = [:]
    var asked: [Int] = []

    func tell(_ event: SearchEvent) {
      let decisions = result.searcher.handle(event)
      result.events.append(event)
      result.decisions.append(decisions)
      for decision in decisions {
        switch decision {
        case .suggest(let trial): asked.append(trial)
        case .create(let trial, let parameters, let origin):
          live.append(trial)
          result.parameters[trial] = parameters
          result.origins[trial] = origin
          result.lengths[trial] = 0
        case .stop(let trial, let reason):
          result.stopped[trial] = reason
          slack[trial] = Int.random(in: 0...self.slack, using: &random)
        case .close: break
        }
      }
      result.mostAtOnce = max(result.mostAtOnce, live.count)
    }

    tell(.started)
    while !live.isEmpty || !asked.isEmpty {
      if let trial = asked.popLast() {
        var drawn = SeededRandom(seed: seed, stream: trial)
        tell(.suggested(trial: trial, parameters: specification.space.sample(using: &drawn)))
        continue
      }
      let trial = live[Int.random(in: live.indices, using: &random)]
      let time = result.lengths[trial] ?? 0
      let mayGoOn = slack[trial].map { $0 > 0 } ?? true
      if let left = slack[trial] { slack[trial] = left - 1 }
      let fails = Double.random(in: 0..<1, using: &random) < failureProbability
      if !mayGoOn || time >= length || fails {
        live.removeAll { $0 == trial }
        tell(.ended(trial: trial, fails ? .failed : !mayGoOn ? .stopped : .succeeded))
      } else {
        result.lengths[trial] = time + 1
        let value = value(result.parameters[trial] ?? [], time + 1)
        tell(.reported(trial: trial, [Report(time: time + 1, value: value)]))
      }
    }
    return result
  }
}

extension [Parameter] {
  func number(_ name: String) -> Double { first { $0.name == name }?.value.double ?? .nan }
}
