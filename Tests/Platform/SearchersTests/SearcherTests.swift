import Foundation
import TestSupport
import Testing

@testable import Searchers

struct SearcherTests {
  static let space = SearchSpace([
    .init("lr", Distribution(.logUniform(min: 1e-4, max: 1))), .init("layers", Distribution(.integer(min: 1, max: 8))),
    .init("optimizer", Distribution(.categorical([.text("sgd"), .text("adam")], probabilities: nil))),
    .init("epochs", .constant(.integer(27))),
  ])

  static let specifications: [SearchSpecification] = {
    func make(
      _ sampling: SearchSpecification.Sampling, _ stopping: SearchSpecification.Stopping = .none,
      population: SearchSpecification.Population? = nil
    ) -> SearchSpecification {
      SearchSpecification(
        space: space, goal: .minimize, sampling: sampling, stopping: stopping, population: population, maxTrials: 40,
        maxConcurrent: population?.size ?? 6, maxTime: 27, maxFailures: 1000, seed: 11)
    }
    return [
      make(.random), make(.sobol), make(.suggested), make(.random, .asha(maxTime: 27, divisor: 3)),
      make(.sobol, .adaptiveASHA(maxTime: 27, maxTrials: 40, divisor: 3, mode: .conservative)),
      make(.suggested, .median(.init(startupTrials: 3))), make(.random, .hyperband(minTime: 3)),
      make(.random, population: .init(size: 6, interval: 5, timeGoesOn: true)),
    ]
  }()

  private static func curve(_ parameters: [Parameter], _ time: Int64) -> Double {
    abs(log10(parameters.number("lr")) + 2) + 1 / Double(time)
  }

  @Test(arguments: specifications, testSeeds(4))
  func `whatever the order of events, a search keeps to its bounds and ends`(
    specification: SearchSpecification, seed: UInt64
  ) {
    let result = SweepSimulation(
      specification: specification, failureProbability: 0.02, slack: 3, value: Self.curve
    ).run(seed: seed)
    #expect(result.searcher.isClosed)
    #expect(result.mostAtOnce <= specification.maxConcurrent)
    #expect(result.searcher.trialCount <= specification.maxTrials)
    #expect(result.decisions.last?.last == .close(succeeded: true))
    #expect(Set(result.parameters.keys) == Set(0..<result.searcher.trialCount))
    for (trial, parameters) in result.parameters {
      #expect(parameters.map(\.name) == Self.space.dimensions.map(\.name))
      #expect(parameters.number("epochs") == 27)
      #expect(1...8 ~= parameters.number("layers"), "trial \(trial)")
    }
    // A trial is stopped once, after it was created and before it ended.
    var live: Set<Int> = []
    var stopped: Set<Int> = []
    for (event, decisions) in zip(result.events, result.decisions) {
      if case .ended(let trial, _) = event { live.remove(trial) }
      for decision in decisions {
        switch decision {
        case .create(let trial, _, _): #expect(live.insert(trial).inserted)
        case .stop(let trial, _):
          #expect(live.contains(trial))
          #expect(stopped.insert(trial).inserted)
        case .suggest, .close: break
        }
      }
    }
  }

  @Test(arguments: specifications, testSeeds(2))
  func `replaying the log of events gives the same decisions`(specification: SearchSpecification, seed: UInt64) throws {
    let result = SweepSimulation(
      specification: specification, failureProbability: 0.02, slack: 2, value: Self.curve
    ).run(seed: seed)
    // As it comes out of a database.
    let log = try JSONDecoder().decode([SearchEvent].self, from: JSONEncoder().encode(result.events))
    let stored = try JSONDecoder().decode(SearchSpecification.self, from: JSONEncoder().encode(specification))
    let decisions = try JSONDecoder().decode([[SearchDecision]].self, from: JSONEncoder().encode(result.decisions))
    var searcher = Searcher(stored)
    for (event, expected) in zip(log, decisions) {
      let decided = searcher.handle(event)
      #expect(decided == expected)
    }
    #expect(searcher.isClosed)
  }

  @Test func `a grid has every combination once`() {
    let space = SearchSpace([
      .init("a", Distribution(.categorical([.integer(1), .integer(2), .integer(3)], probabilities: nil))),
      .init("b", Distribution(.integer(min: 0, max: 3))),
      .init("c", Distribution(.uniform(min: 0, max: 1), quantum: 0.5)),
    ])
    #expect(space.gridCount == 36)
    let result = SweepSimulation(
      specification: SearchSpecification(
        space: space, goal: .maximize, sampling: .grid, maxTrials: 1000, maxConcurrent: 5, seed: 0), length: 2
    ) { _, _ in 1 }.run(seed: 3)
    let combinations = Set(result.parameters.values.map { ["a", "b", "c"].map($0.number) })
    #expect(result.parameters.count == 36)
    #expect(combinations.count == 36)
  }

  @Test func `events that can't be change nothing`() {
    var searcher = Searcher(
      SearchSpecification(
        space: Self.space, goal: .minimize, sampling: .random, maxTrials: 2, maxConcurrent: 1, seed: 1))
    func handle(_ event: SearchEvent) -> [SearchDecision] { searcher.handle(event) }
    #expect(handle(.reported(trial: 0, [Report(time: 1, value: 1)])).isEmpty)
    #expect(handle(.started).count == 1)
    #expect(handle(.ended(trial: 7, .failed)).isEmpty)
    #expect(handle(.suggested(trial: 0, parameters: [])).isEmpty)
    #expect(handle(.ended(trial: 0, .succeeded)).count == 1)
    #expect(handle(.ended(trial: 0, .succeeded)).isEmpty)
    #expect(handle(.ended(trial: 1, .succeeded)) == [.close(succeeded: true)])
    #expect(handle(.started).isEmpty)
  }

  @Test func `failures one after another end a sweep that can't work`() {
    let result = SweepSimulation(
      specification: SearchSpecification(
        space: Self.space, goal: .minimize, sampling: .random, maxTrials: 500, maxConcurrent: 3, maxFailures: 5, seed: 1
      ),
      failureProbability: 1, value: Self.curve
    ).run(seed: 9)
    #expect(result.decisions.last?.last == .close(succeeded: false))
    #expect(result.searcher.trialCount <= 5 + 3)
  }

  @Test func `a target that is reached starts no more trials`() {
    var searcher = Searcher(
      SearchSpecification(
        space: Self.space, goal: .maximize, target: 0.9, sampling: .random, maxTrials: 50, maxConcurrent: 2, seed: 1))
    func handle(_ event: SearchEvent) -> [SearchDecision] { searcher.handle(event) }
    _ = searcher.handle(.started)
    #expect(handle(.reported(trial: 0, [Report(time: 1, value: 0.95)])).isEmpty)
    #expect(handle(.ended(trial: 0, .succeeded)).isEmpty)
    #expect(handle(.ended(trial: 1, .succeeded)) == [.close(succeeded: true)])
    #expect(searcher.best?.trial == 0)
    #expect(searcher.best?.value == 0.95)
  }

  @Test func `a trial that goes on beyond its time is stopped, and not before`() {
    var searcher = Searcher(
      SearchSpecification(
        space: Self.space, goal: .minimize, sampling: .random, maxTrials: 1, maxConcurrent: 1, maxTime: 10, seed: 1))
    func handle(_ event: SearchEvent) -> [SearchDecision] { searcher.handle(event) }
    _ = searcher.handle(.started)
    #expect(handle(.reported(trial: 0, (1...10).map { Report(time: $0, value: 1) })).isEmpty)
    #expect(
      handle(.reported(trial: 0, [Report(time: 11, value: 1)])) == [.stop(trial: 0, .maxTime)])
  }

  @Test func `what is no number is as bad as can be`() {
    var searcher = Searcher(
      SearchSpecification(
        space: Self.space, goal: .maximize, sampling: .random, stopping: .hyperband(minTime: 1), maxTrials: 2,
        maxConcurrent: 2, seed: 1))
    func handle(_ event: SearchEvent) -> [SearchDecision] { searcher.handle(event) }
    _ = searcher.handle(.started)
    #expect(handle(.reported(trial: 0, [Report(time: 1, value: -5)])).isEmpty)
    #expect(handle(.reported(trial: 1, [Report(time: 1, value: nil)])) == [.stop(trial: 1, .unpromising)])
    #expect(searcher.best?.trial == 0)
  }
}
