import Testing

@testable import Searchers

struct SobolTests {
  /// As Joe and Kuo's own program and SciPy's `qmc.Sobol(scramble=False)` give them.
  @Test func `the first points are the published ones`() {
    let sequence = SobolSequence(dimensions: 5, seed: nil)
    let expected: [[Double]] = [
      [0, 0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5, 0.5], [0.75, 0.25, 0.25, 0.25, 0.75], [0.25, 0.75, 0.75, 0.75, 0.25],
      [0.375, 0.375, 0.625, 0.875, 0.375], [0.875, 0.875, 0.125, 0.375, 0.875], [0.625, 0.125, 0.875, 0.625, 0.625],
      [0.125, 0.625, 0.375, 0.125, 0.125],
    ]
    #expect((0..<8).map(sequence.point) == expected)
  }

  @Test func `so are later points in high dimensions`() {
    let point = SobolSequence(dimensions: 50, seed: nil).point(1000)
    let expected = [0: 0.21972656, 1: 0.09667969, 10: 0.08496094, 25: 0.90722656, 49: 0.47949219]
    for (dimension, value) in expected { #expect(abs(point[dimension] - value) < 1e-8, "dimension \(dimension)") }
    let other = SobolSequence(dimensions: 50, seed: nil).point(777)
    for (dimension, value) in [2: 0.16308594, 30: 0.54199219, 48: 0.77636719, 49: 0.95214844] {
      #expect(abs(other[dimension] - value) < 1e-8, "dimension \(dimension)")
    }
  }

  @Test(arguments: [nil, 1, 42] as [UInt64?])
  func `each dimension has every sixteenth once among 16 points`(seed: UInt64?) {
    let sequence = SobolSequence(dimensions: SobolSequence.mostDimensions, seed: seed)
    let points = (0..<16).map(sequence.point)
    for dimension in 0..<SobolSequence.mostDimensions {
      #expect(Set(points.map { Int($0[dimension] * 16) }).count == 16, "dimension \(dimension)")
    }
  }

  @Test func `a seed shifts the points`() {
    let one = SobolSequence(dimensions: 3, seed: 1)
    #expect(one.point(0) != [0, 0, 0])
    #expect(one.point(5) == SobolSequence(dimensions: 3, seed: 1).point(5))
    #expect(one.point(5) != SobolSequence(dimensions: 3, seed: 2).point(5))
  }
}
