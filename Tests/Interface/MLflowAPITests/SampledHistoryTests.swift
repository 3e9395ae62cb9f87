import Testing
import Tracker

@testable import MLflowAPI

@Suite struct SampledHistoryTests {
  private func steps(_ count: Int64, most: Int) -> [Int64] {
    // Those that come last were logged first.
    evenlySampled((0..<count).reversed().map { .init(step: $0, timestamp: 0, value: 0) }, most: most).map(\.step)
  }

  @Test func `the first of each part is kept, and the last of all`() {
    #expect(steps(10, most: 5) == [0, 2, 4, 6, 9])
    #expect(steps(11, most: 3) == [0, 4, 10])
    #expect(steps(10, most: 100) == Array(0..<10))
    #expect(steps(10, most: 1) == [9])
    #expect(steps(0, most: 5).isEmpty)
  }

  @Test func `however many points share a step, no more are shown than were asked for`() {
    let points = (0..<1000).map { MetricPoint(step: 0, timestamp: Int64($0), value: .nan) }
    #expect(evenlySampled(points, most: 4).map(\.timestamp) == [0, 250, 500, 999])
  }

  @Test func `a token of a history leads to its point and no other is taken`() throws {
    let token = HistoryToken.text(.init(step: -5, timestamp: 7, value: .infinity))
    #expect(try HistoryToken.point(token) == .init(step: -5, timestamp: 7, value: .infinity))
    #expect(try HistoryToken.point("") == nil)
    for text in ["x", "W10=", "WzEsMl0="] { #expect(throws: MLflowError.self) { try HistoryToken.point(text) } }
  }
}
