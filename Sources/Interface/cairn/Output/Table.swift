/// Columns of text for people. The last column is not padded.
struct Table {
  enum Alignment {
    case left, right
  }

  private let titles: [String]
  private let alignments: [Alignment]
  private var rows: [[String]] = []

  init(_ columns: (String, Alignment)...) { self.init(columns: columns) }

  init(columns: [(String, Alignment)]) {
    titles = columns.map(\.0)
    alignments = columns.map(\.1)
  }

  mutating func add(_ cells: String...) { add(cells) }

  mutating func add(_ cells: [String]) { rows.append(cells.map(oneLine)) }

  /// The table with a line of titles, without a line feed at the end.
  var text: String {
    let lines = [titles] + rows
    let widths = titles.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      var text = ""
      for (column, cell) in line.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        let isLast = column == line.count - 1
        if column > 0 { text += "  " }
        switch alignments[column] {
        case .left: text += isLast ? cell : cell + padding
        case .right: text += padding + cell
        }
      }
      while text.last == " " { text.removeLast() }
      return text
    }.joined(separator: "\n")
  }
}

/// Names and values below each other, for people.
func listing(_ pairs: [(String, String?)]) -> String {
  let present = pairs.compactMap { pair in pair.1.map { (pair.0, $0) } }
  let width = present.map(\.0.count).max() ?? 0
  return present.map { name, value in
    name + ":" + String(repeating: " ", count: width - name.count + 1) + oneLine(value)
  }.joined(separator: "\n")
}

/// What jobs and users have named must not break a table, nor send a terminal commands.
private func oneLine(_ text: String) -> String {
  String(
    String.UnicodeScalarView(
      text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "\u{FFFD}" : $0 }))
}
