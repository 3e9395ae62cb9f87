import Testing
import Tracker

@testable import MLflowAPI

@Suite struct SampledStepsTests {
  // The examples are those of MLflow's own tests.
  @Test func `every so-many-th step is kept, and of each run its last`() {
    #expect(sampledSteps(of: [Array(0..<10)], most: 5).sorted() == [0, 2, 4, 6, 8, 9])
    #expect(sampledSteps(of: [Array(0..<10), Array(0..<20)], most: 5).sorted() == [0, 4, 8, 9, 12, 16, 19])
    #expect(sampledSteps(of: [Array(0..<10)], most: 100).sorted() == Array(0..<10))
    #expect(sampledSteps(of: [], most: 5).isEmpty)
    #expect(sampledSteps(of: [[.min, 0, .max]], most: 1) == [.min, .max])
  }

  @Test func `a token of a history leads to its point and no other is taken`() throws {
    let token = HistoryToken.text(.init(step: -5, timestamp: 7, value: .infinity))
    #expect(try HistoryToken.point(token) == .init(step: -5, timestamp: 7, value: .infinity))
    #expect(try HistoryToken.point("") == nil)
    for text in ["x", "W10=", "WzEsMl0="] { #expect(throws: MLflowError.self) { try HistoryToken.point(text) } }
  }
}
