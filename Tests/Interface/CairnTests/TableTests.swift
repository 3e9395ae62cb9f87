import Testing

@testable import cairn

@Suite struct TableTests {
  @Test func columnsAreAligned() {
    var table = Table(("ID", .left), ("SIZE", .right), ("NAME", .left))
    table.add("1", "10 B", "short")
    table.add("long", "1 B", "a name of some length")
    #expect(
      table.text == """
        ID    SIZE  NAME
        1     10 B  short
        long   1 B  a name of some length
        """)
  }

  @Test func withoutRowsThereAreTitles() {
    #expect(Table(("A", .left), ("B", .right)).text == "A  B")
  }

  @Test func aCellCannotCommandTheTerminalNorBreakTheTable() {
    var table = Table(("NAME", .left))
    table.add("a\u{1B}]0;x\u{7}\nb\u{9B}1m\u{7F}")
    #expect(table.text == "NAME\na\u{FFFD}]0;x\u{FFFD}\u{FFFD}b\u{FFFD}1m\u{FFFD}")
  }

  @Test func noLineEndsWithSpaces() {
    var table = Table(("A", .left), ("B", .left))
    table.add("value", "")
    #expect(table.text.split(separator: "\n").allSatisfy { !$0.hasSuffix(" ") })
  }

  @Test func listingsLeaveOutWhatThereIsNot() {
    #expect(
      listing([("id", "1"), ("path", nil), ("created", "now\u{1B}[1m")]) == "id:      1\ncreated: now\u{FFFD}[1m")
    #expect(listing([]).isEmpty)
  }
}
