public import GRDB

/// A filter, an order and a page as one SQL statement. A pure function of these: nothing that a client wrote is in the
/// SQL, only in the arguments.
public struct SearchStatement: Sendable {
  public private(set) var sql: String
  public private(set) var arguments: StatementArguments = []
  /// The columns, after those of the selection, by which the rows are ordered.
  let orderColumns: [String]

  /// - Parameters:
  ///   - conditions: further ones, in SQL.
  ///   - keyNumber: of a key's name; nil: no record has it.
  ///   - after: the page before.
  ///   - limit: the most rows; one more is asked for, which shows whether there is another page.
  public init(
    _ table: SearchTable, _ filter: SearchFilter, _ order: SearchOrder,
    conditions: [(sql: String, arguments: StatementArguments)] = [],
    keyNumber: @escaping (String) -> Int64? = { _ in nil },
    after token: PageToken? = nil, limit: Int
  ) throws(FilterError) {
    let builder = Builder(table: table, keyNumber: keyNumber)
    var terms = order.items.flatMap { builder.terms($0) }
    for tieBreaker in table.tieBreakers { terms.append(Builder.Term(tieBreaker.sql, [], tieBreaker.isAscending)) }
    let columns = terms.indices.map { "order\($0)" }
    var inner = table.selection
    // The terms stand before FROM, and so do their arguments.
    let selected = zip(terms, columns).map { "\($0.sql) AS \($1)" }.joined(separator: ", ")
    guard let from = inner.firstRange(of: "FROM") else { preconditionFailure("a selection has a FROM") }
    inner.insert(contentsOf: ", \(selected) ", at: from.lowerBound)
    for term in terms { arguments += term.arguments }
    var all = ["1"]
    for condition in conditions {
      all.append(condition.sql)
      arguments += condition.arguments
    }
    for comparison in filter.comparisons {
      let condition = builder.condition(comparison)
      all.append(condition.sql)
      arguments += condition.arguments
    }
    var outer = ""
    if let token {
      let (condition, values) = try Builder.following(token, terms.map(\.isAscending), columns)
      outer = "WHERE \(condition)"
      arguments += values
    }
    let sorting = zip(columns, terms).map { "\($0) \($1.isAscending ? "ASC" : "DESC")" }.joined(separator: ", ")
    sql = "SELECT * FROM (\(inner) WHERE \(all.joined(separator: " AND "))) \(outer) ORDER BY \(sorting) LIMIT ?"
    arguments += [limit == .max ? limit : limit + 1]
    orderColumns = columns
  }

  /// The rows of this page, and how to ask for the next.
  public func page(_ database: Database, limit: Int) throws -> (rows: [Row], next: PageToken?) {
    var kept: [Row] = []
    let page = try page(database, limit: limit) { rows in
      kept = rows
      return rows.map { _ in () }
    }
    return (kept, page.next)
  }

  /// The records of this page.
  /// - Parameter records: makes them of rows: of all, or of as many from the first as an answer has room for.
  func page<Record: Sendable>(
    _ database: Database, limit: Int, records: ([Row]) throws -> [Record]
  ) throws -> SearchPage<Record> {
    let rows = try Row.fetchAll(database, sql: sql, arguments: arguments)
    let records = try records(Array(rows.prefix(limit)))
    guard rows.count > records.count, let last = records.indices.last else {
      return SearchPage(records: records, next: nil)
    }
    return SearchPage(
      records: records, next: PageToken(values: orderColumns.map { rows[last][$0] as DatabaseValue }))
  }
}

/// The parts of a statement.
private struct Builder {
  struct Term {
    var sql: String
    var arguments: StatementArguments
    var isAscending: Bool

    init(_ sql: String, _ arguments: StatementArguments, _ isAscending: Bool) {
      self.sql = sql
      self.arguments = arguments
      self.isAscending = isAscending
    }
  }

  typealias Condition = (sql: String, arguments: StatementArguments)

  let table: SearchTable
  let keyNumber: (String) -> Int64?

  // MARK: Conditions

  func condition(_ comparison: SearchFilter.Comparison) -> Condition {
    guard let keyed = table.keyed[comparison.entity] else {
      return condition(table.attributes[comparison.key] ?? "NULL", comparison.condition)
    }
    // A dataset's key is one of its columns.
    if comparison.entity == .dataset {
      let inner = condition("\(keyed.value)\(comparison.key)", comparison.condition)
      return ("EXISTS (SELECT 1 \(keyed.row) AND \(inner.sql))", inner.arguments)
    }
    guard let key = key(comparison.key, keyed) else { return (comparison.condition == .isNull ? "1" : "0", []) }
    switch comparison.condition {
    case .isNull: return ("NOT EXISTS (SELECT 1 \(keyed.row))", [key])
    case .isNotNull: return ("EXISTS (SELECT 1 \(keyed.row))", [key])
    case .number, .text, .among:
      let inner = condition(keyed.value, comparison.condition)
      return ("EXISTS (SELECT 1 \(keyed.row) AND \(inner.sql))", [key] + inner.arguments)
    }
  }

  private func key(_ name: String, _ keyed: SearchTable.Keyed) -> (any DatabaseValueConvertible)? {
    keyed.hasNumberedKeys ? keyNumber(name) : name
  }

  private func condition(_ column: String, _ condition: SearchFilter.Condition) -> Condition {
    switch condition {
    // NaN is unlike every number.
    case .number(.notEqual, let value): ("(\(column) IS NULL OR \(column) != ?)", [value])
    case .number(let comparison, let value): ("\(column) \(comparison.rawValue) ?", [value])
    case .text(.equal, let text): ("\(column) = ?", [text])
    case .text(.notEqual, let text): ("\(column) != ?", [text])
    // GLOB is SQLite's only pattern that always minds case, but its wildcards are others: see `likeAsGlob`.
    case .text(.like, let pattern): ("\(column) GLOB ?", [likeAsGlob(pattern)])
    case .text(.caseInsensitiveLike, let pattern): ("\(column) LIKE ?", [pattern])
    case .among(let texts, let isNegated):
      (
        "\(column) \(isNegated ? "NOT IN" : "IN") (\(texts.map { _ in "?" }.joined(separator: ", ")))",
        StatementArguments(texts)
      )
    case .isNull: ("\(column) IS NULL", [])
    case .isNotNull: ("\(column) IS NOT NULL", [])
    }
  }

  // MARK: Order

  /// Two for each item: numbers come first, then NaN, then records that have nothing there, in either direction.
  func terms(_ item: SearchOrder.Item) -> [Term] {
    guard let keyed = table.keyed[item.entity] else {
      let column = table.attributes[item.key] ?? "NULL"
      return [Term("\(column) IS NULL", [], true), Term(column, [], item.isAscending)]
    }
    // No record has it now; one that gets it between two pages must not change how many columns there are.
    guard let key = key(item.key, keyed) else { return [Term("2", [], true), Term("NULL", [], item.isAscending)] }
    return [
      Term("ifnull((SELECT \(keyed.value) IS NULL \(keyed.row)), 2)", [key], true),
      Term("(SELECT \(keyed.value) \(keyed.row))", [key], item.isAscending),
    ]
  }

  /// What holds for the rows after those of a page: one of the columns is behind, and all before it are the same.
  static func following(
    _ token: PageToken, _ ascending: [Bool], _ columns: [String]
  ) throws(FilterError) -> Condition {
    guard token.values.count == columns.count else {
      throw FilterError("The page token belongs to another search; begin without one.")
    }
    var alternatives: [String] = []
    var arguments: StatementArguments = []
    for (index, column) in columns.enumerated() where !token.values[index].isNull {
      let same = columns[..<index].map { "\($0) IS ?" }
      let behind = "\(column) \(ascending[index] ? ">" : "<") ?"
      alternatives.append("(" + (same + [behind]).joined(separator: " AND ") + ")")
      arguments += StatementArguments(token.values[...index])
    }
    return (alternatives.isEmpty ? "0" : "(" + alternatives.joined(separator: " OR ") + ")", arguments)
  }
}

/// A pattern of LIKE as one of GLOB: `%` is `*`, `_` is `?`, and what means something to GLOB is quoted.
func likeAsGlob(_ pattern: String) -> String {
  var glob = ""
  for scalar in pattern.unicodeScalars {
    switch scalar {
    case "%": glob.unicodeScalars.append("*")
    case "_": glob.unicodeScalars.append("?")
    case "*", "?", "[": glob += "[\(scalar)]"
    default: glob.unicodeScalars.append(scalar)
    }
  }
  return glob
}
