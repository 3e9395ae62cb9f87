import API
import Testing

@testable import cairn

@Suite struct LogPlaceTests {
  private func line(_ time: Int64, _ text: String) -> LogLine {
    LogLine(timeNanoseconds: time, stream: .stdout, text: text)
  }

  /// What is printed where each connection sends these lines.
  private func printed(_ connections: [[LogLine]]) -> [String] {
    var place = LogPlace()
    var printed: [String] = []
    for lines in connections {
      place.begin()
      for line in lines where place.isNew(line) { printed.append(line.text) }
    }
    return printed
  }

  @Test func afterANewConnectionNothingIsPrintedTwiceNorLeftOut() {
    let all = [line(1, "a"), line(2, "b"), line(2, "c"), line(2, "d"), line(3, "e")]
    for first in 0...all.count {
      for second in first...all.count {
        let printed = printed([Array(all[..<first]), Array(all[..<second]), all])
        #expect(printed == ["a", "b", "c", "d", "e"], "cut at \(first) and \(second)")
      }
    }
  }

  @Test func aConnectionThatIsCutEarlierThanTheLastLosesNothing() {
    let all = [line(1, "a"), line(1, "b"), line(1, "c"), line(2, "d")]
    #expect(printed([Array(all[..<3]), Array(all[..<1]), [], all]) == ["a", "b", "c", "d"])
  }

  @Test func theNextAttemptFollows() {
    #expect(printed([[line(1, "a")], [line(5, "b"), line(6, "c")]]) == ["a", "b", "c"])
  }

  @Test func aClockThatIsSetBackHidesNothing() {
    #expect(printed([[line(100, "a"), line(50, "b"), line(50, "c"), line(60, "d")]]) == ["a", "b", "c", "d"])
  }
}
