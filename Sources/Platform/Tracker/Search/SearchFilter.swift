/// What a search is narrowed down by: comparisons that must all hold.
///
/// The grammar is MLflow's: comparisons joined by `AND`, without parentheses, `OR` and `NOT`; each of them a key, an
/// operator and a constant. A key that a record does not have fails every comparison but `IS NULL`.
public struct SearchFilter: Equatable, Sendable {
  public struct Comparison: Equatable, Sendable {
    public var entity: SearchSubject.Entity
    /// Of an attribute its own name, whichever was written.
    public var key: String
    public var condition: Condition
  }

  public enum Condition: Equatable, Sendable {
    case number(NumberOperator, Double)
    case text(TextOperator, String)
    case among([String], isNegated: Bool)
    case isNull
    case isNotNull
  }

  public enum NumberOperator: String, Sendable {
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
  }

  public enum TextOperator: String, Sendable {
    case equal = "="
    case notEqual = "!="
    /// `%` stands for any text and `_` for any character; letters' case counts.
    case like = "LIKE"
    case caseInsensitiveLike = "ILIKE"
  }

  public var comparisons: [Comparison]

  /// Reads a filter. An empty one holds for everything.
  ///
  /// - Throws: ``FilterError``, with what is wrong with it.
  public init(_ text: String, for subject: SearchSubject) throws(FilterError) {
    var parser = FilterParser(try FilterLexer.tokens(text), subject)
    comparisons = try parser.comparisons()
  }
}
