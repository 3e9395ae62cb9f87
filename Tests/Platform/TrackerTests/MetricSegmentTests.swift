import Testing

@testable import Tracker

@Suite struct MetricSegmentTests {
  private func decoded(_ bytes: [UInt8]) -> [MetricPoint]? { bytes.withUnsafeBytes { MetricSegment.decode($0) } }

  @Test func `points come back as they were, whatever they are`() {
    let extremes: [Int64] = [.min, .max, 0, -1, 1, .max - 1]
    let values = [0, -0.0, .nan, .infinity, -.infinity, .pi, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
    var points: [MetricPoint] = []
    for step in extremes {
      for time in extremes {
        for value in values { points.append(MetricPoint(step: step, timestamp: time, value: value)) }
      }
    }
    #expect(decoded(MetricSegment.encode(points)) == points)
    #expect(decoded(MetricSegment.encode([])) == [])
  }

  @Test func `a regular series takes less than 11 bytes a point`() {
    var time: Int64 = 1_790_000_000_000
    let points = (0..<1024).map { step in
      // A step takes 90 to 110 ms.
      time += 90 + Int64(step * 7919 % 21)
      return MetricPoint(step: Int64(step), timestamp: time, value: 1 / Double(step + 1))
    }
    #expect(MetricSegment.encode(points).count < 1024 * 11)
  }

  @Test func `bytes that are no segment are refused and read no further than they are`() {
    let good = MetricSegment.encode((0..<20).map { MetricPoint(step: $0, timestamp: 1000 * $0, value: 0.5) })
    for length in 0..<good.count { #expect(decoded(Array(good[..<length])) == nil) }
    #expect(decoded(good + [0]) == nil)
    for (index, bit) in (0..<good.count).flatMap({ index in (0..<8).map { (index, $0) } }) {
      var bad = good
      bad[index] ^= 1 << UInt8(bit)
      _ = decoded(bad)
    }
    // A count that would take all memory.
    #expect(decoded([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]) == nil)
    #expect(decoded([UInt8](repeating: 0xFF, count: 100)) == nil)
  }

  @Test func `the latest value has the highest step, and history is in the order of time`() {
    let early = MetricPoint(step: 5, timestamp: 1, value: 1)
    let late = MetricPoint(step: 1, timestamp: 2, value: 1)
    #expect(MetricPoint.isLater(early, than: late) && !MetricPoint.isLater(late, than: early))
    #expect(MetricPoint.isEarlier(early, late) && !MetricPoint.isEarlier(late, early))
    let nan = MetricPoint(step: 5, timestamp: 1, value: .nan)
    #expect(MetricPoint.isLater(nan, than: early) && MetricPoint.isEarlier(early, nan))
    #expect(!MetricPoint.isLater(nan, than: nan) && !MetricPoint.isEarlier(nan, nan))
  }
}
