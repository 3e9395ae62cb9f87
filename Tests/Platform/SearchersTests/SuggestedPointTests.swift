import TestSupport
import Testing

@testable import Searchers

struct SuggestedPointTests {
  @Test func `a point's numbers become values, and places become choices`() {
    let parameters = SearcherTests.space.parameters(fromSuggested: [0.5, 0.999, 1])
    #expect(abs(parameters.number("lr") - 0.01) < 1e-9)
    #expect(parameters.number("layers") == 8)
    #expect(parameters.first { $0.name == "optimizer" }?.value == .text("adam"))
    #expect(parameters.number("epochs") == 27)
  }

  @Test(arguments: testSeeds(3)) func `whatever is proposed, values keep to their bounds`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<300 {
      let odd: [Double] = [.nan, .infinity, -.infinity, -1, 2, 1e300, .random(in: 0...1, using: &random)]
      let point = (0..<Int.random(in: 0...4, using: &random)).map { _ in odd.randomElement(using: &random) ?? 0 }
      let parameters = SearcherTests.space.parameters(fromSuggested: point)
      #expect(1e-4 - 1e-12...1 + 1e-12 ~= parameters.number("lr"))
      #expect(1...8 ~= parameters.number("layers"))
    }
  }
}
