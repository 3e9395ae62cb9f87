import TestSupport
import Testing

@testable import Searchers

struct DistributionTests {
  private static let shapes: [Distribution] = [
    Distribution(.integer(min: -3, max: 12)), Distribution(.integer(min: 8, max: 127), quantum: 8),
    Distribution(.uniform(min: -1, max: 2.5)), Distribution(.uniform(min: 0.05, max: 0.5), quantum: 0.1),
    Distribution(.logUniform(min: 1e-5, max: 0.1)), Distribution(.logUniform(min: 16, max: 512), quantum: 16),
  ]

  @Test(arguments: testSeeds(3)) func `values lie within their bounds and on the quantum`(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for distribution in Self.shapes {
      let (low, high) = try #require(distribution.bounds)
      var value = distribution.value(at: 0)
      for round in 0..<500 {
        let number = try #require(value.double)
        #expect(low...high ~= number, "\(distribution) gave \(number)")
        if let quantum = distribution.quantum, case .integer(let min, _) = distribution.shape {
          #expect(Int64(number - Double(min)) % Int64(quantum) == 0, "\(number) of \(distribution)")
        } else if let quantum = distribution.quantum {
          #expect(abs((number / quantum).rounded() * quantum - number) < 1e-9, "\(number) of \(distribution)")
        }
        // Half of them drawn, half moved by the explorer.
        value =
          round.isMultiple(of: 2)
          ? distribution.value(at: random.unit()) : distribution.neighbor(of: value, using: &random)
      }
    }
  }

  @Test func `a distribution's quantiles are where they belong`() {
    #expect(Distribution(.uniform(min: 0, max: 10)).value(at: 0.25) == .number(2.5))
    let middle = Distribution(.logUniform(min: 1e-4, max: 1)).value(at: 0.5).double ?? 0
    #expect(abs(middle - 0.01) < 1e-9)
    #expect(Distribution(.integer(min: 1, max: 4)).value(at: 0.999) == .integer(4))
    #expect(Distribution(.integer(min: 1, max: 4)).value(at: 0) == .integer(1))
    let normal = Distribution(.normal(mean: 10, deviation: 2))
    for (unit, expected) in [(0.5, 10.0), (0.841344746, 12), (0.022750132, 6), (0.998650102, 16)] {
      #expect(abs((normal.value(at: unit).double ?? 0) - expected) < 1e-5)
    }
  }

  @Test func `probabilities are kept to`() {
    let distribution = Distribution(
      .categorical([.text("a"), .text("b"), .text("c")], probabilities: [0.1, 0.7, 0.2]))
    var random = SeededRandom(seed: 7)
    var counts: [ParameterValue: Int] = [:]
    for _ in 0..<10_000 { counts[distribution.value(at: random.unit()), default: 0] += 1 }
    #expect(abs((counts[.text("a")] ?? 0) - 1000) < 150)
    #expect(abs((counts[.text("b")] ?? 0) - 7000) < 250)
  }

  @Test func `decimal quanta leave no binary digits behind`() {
    let distribution = Distribution(.uniform(min: 0, max: 1), quantum: 0.1)
    #expect(distribution.gridValues?.map { $0.double } == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
  }

  @Test func `the same seed draws the same numbers for ever`() {
    var random = SeededRandom(seed: 42)
    #expect([random.next(), random.next()] == [13_679_457_532_755_275_413, 2_949_826_092_126_892_291])
  }
}

extension Distribution {
  fileprivate var bounds: (Double, Double)? {
    switch shape {
    case .integer(let min, let max): (Double(min), Double(max))
    case .uniform(let min, let max), .logUniform(let min, let max): (min, max)
    default: nil
    }
  }
}
