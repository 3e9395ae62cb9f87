import Foundation
import TestSupport
import Testing

@testable import Searchers

struct StoppingTests {
  @Test func `brackets are those of Determined`() {
    // max_length 64, divisor 4, three rungs at 4, 16 and the end.
    #expect(
      SearchSpecification.Stopping.asha(maxTime: 64, divisor: 4, maxRungs: 3)
        == .rungs([.init(rungs: [4, 16], trials: nil)], divisor: 4))
    guard
      case .rungs(let brackets, _) = SearchSpecification.Stopping.adaptiveASHA(
        maxTime: 64, maxTrials: 100, divisor: 4, mode: .conservative)
    else { return }
    #expect(brackets.map(\.rungs) == [[1, 4, 16], [4, 16], [16], []].map { $0.map(Int64.init) })
    #expect(brackets.compactMap(\.trials).reduce(0, +) == 100)
    #expect(brackets.compactMap(\.trials) == [67, 21, 8, 4])
    guard
      case .rungs(let standard, _) = SearchSpecification.Stopping.adaptiveASHA(maxTime: 64, maxTrials: 100, divisor: 4)
    else { return }
    #expect(standard.map(\.rungs.count) == [3, 2, 1])
    guard
      case .rungs(let aggressive, _) = SearchSpecification.Stopping.adaptiveASHA(
        maxTime: 64, maxTrials: 100, divisor: 4, mode: .aggressive)
    else { return }
    #expect(aggressive.map(\.rungs.count) == [3])
  }

  @Test func `the bands of Weights & Biases are those of its documentation`() {
    // min_iter 3, eta 3: [3, 9, 27, 81, …]
    guard case .rungs(let up, _) = SearchSpecification.Stopping.hyperband(minTime: 3, count: 4) else { return }
    #expect(up[0].rungs == [3, 9, 27, 81])
    // max_iter 27, s 2, eta 3: [9, 3]
    guard case .rungs(let down, _) = SearchSpecification.Stopping.hyperband(maxTime: 27, count: 2) else { return }
    #expect(down[0].rungs == [3, 9])
  }

  @Test(arguments: testSeeds(5)) func `of those that come to a rung, one of the divisor goes on`(seed: UInt64) {
    var ladder = RungLadder(rungs: [1], divisor: 4)
    func report(_ value: Double, at time: Int64, of trial: Int) -> Bool { ladder.report(value, at: time, of: trial) }
    var random = SeededGenerator(seed: seed)
    var values: [Double] = []
    var went = 0
    for trial in 0..<400 {
      let value = Double.random(in: 0..<1, using: &random)
      values.append(value)
      // The rule itself: among the best n/4 of those so far, itself included, or the very best.
      let place = values.sorted().firstIndex(of: value) ?? 0
      let goesOn = report(value, at: 1, of: trial)
      #expect(goesOn == (place < max(values.count / 4, 1)))
      went += goesOn ? 1 : 0
      // Asked again, it is not counted again.
      #expect(report(value, at: 2, of: trial))
    }
    #expect(ladder.values[0].count == 400)
    // Early ones go on by luck; their number grows as the logarithm.
    #expect(75...140 ~= went, "\(went) of 400 went on")
  }

  @Test func `passing several rungs at once is judged at each`() {
    var ladder = RungLadder(rungs: [1, 4, 16], divisor: 2)
    func report(_ value: Double, at time: Int64, of trial: Int) -> Bool { ladder.report(value, at: time, of: trial) }
    #expect(report(1, at: 20, of: 0))
    #expect(ladder.values.map(\.count) == [1, 1, 1])
    #expect(!report(2, at: 5, of: 1))
    ladder.fail(2)
    #expect(ladder.values[0] == [1, 2, .infinity])
  }

  @Test func `the median rule stops what is worse than half of those that succeeded`() {
    var curves = MedianCurves(.init(startupTrials: 3, warmupTime: 1))
    func report(_ value: Double, at time: Int64, of trial: Int) -> Bool { curves.report(value, at: time, of: trial) }
    for trial in 0..<3 {
      for time in 1...4 { #expect(report(Double(trial), at: Int64(time), of: trial)) }
      curves.succeed(trial)
    }
    // The median is 1.
    #expect(report(5, at: 1, of: 3))
    #expect(!report(5, at: 2, of: 3))
    #expect(report(1, at: 1, of: 4))
    #expect(report(9, at: 2, of: 4))
    #expect(report(0.5, at: 2, of: 5))
  }

  /// Curves that fall to a level which the learning rate decides, as losses do; noisy, and crossing each other.
  private static func loss(_ parameters: [Parameter], _ time: Int64) -> Double {
    let distance = abs(log10(parameters.number("lr")) + 2)
    let speed = 0.1 + 0.3 / (1 + distance)
    let noise = 0.02 * sin(Double(time) * 12.9898 + parameters.number("lr") * 78233)
    return 0.3 * distance + exp(-speed * Double(time)) + noise
  }

  @Test(arguments: testSeeds(5))
  func `adaptive ASHA finds what random search finds, at less than half of the cost`(seed: UInt64) throws {
    func run(_ stopping: SearchSpecification.Stopping) -> SweepSimulation.Result {
      SweepSimulation(
        specification: SearchSpecification(
          space: SearcherTests.space, goal: .minimize, sampling: .random, stopping: stopping, maxTrials: 120,
          maxConcurrent: 8, maxTime: 81, seed: seed), length: 81, value: Self.loss
      ).run(seed: seed)
    }
    let random = run(.none)
    let adaptive = run(.adaptiveASHA(maxTime: 81, maxTrials: 120, divisor: 3))
    #expect(random.cost == 120 * 81)
    let share = Double(adaptive.cost) / Double(random.cost)
    let best = try #require(random.searcher.best?.value)
    let found = try #require(adaptive.searcher.best?.value)
    #expect(share < 0.5, "cost \(share)")
    // Losses lie between 0 and 1.6.
    #expect(found <= best + 0.08, "found \(found), best \(best)")
  }

  @Test(arguments: testSeeds(5))
  func `population-based training goes on from good members, near their parameters`(seed: UInt64) {
    let population = SearchSpecification.Population(size: 8, interval: 5, timeGoesOn: true)
    let result = SweepSimulation(
      specification: SearchSpecification(
        space: SearcherTests.space, goal: .minimize, sampling: .random, population: population, maxTrials: 60,
        maxConcurrent: 8, maxTime: 60, seed: seed), length: 60, value: Self.loss
    ).run(seed: seed)
    #expect(!result.origins.isEmpty)
    #expect(result.mostAtOnce <= 8)
    for (trial, origin) in result.origins {
      #expect(origin < trial)
      #expect(result.parameters[origin] != nil)
    }
    // A replaced one has a successor, as long as there are trials left.
    let replaced = result.stopped.values.count { $0 == .replaced }
    #expect(replaced == result.origins.count)
    func quality(_ trials: [Int]) -> Double {
      trials.map { abs(log10(result.parameters[$0]!.number("lr")) + 2) }.reduce(0, +) / Double(trials.count)
    }
    #expect(quality(Array(result.origins.values)) <= quality(Array(0..<8)) + 0.2)
  }
}
