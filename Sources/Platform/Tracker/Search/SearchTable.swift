/// Where in a database the records of a kind lie that can be searched for: what a ``SearchSubject`` is to SQL.
public struct SearchTable: Sendable {
  /// Texts or numbers that a record has under keys, in a table of their own.
  public struct Keyed: Sendable {
    /// `FROM` and `WHERE` of the row of one record and one key, which is given as `?`.
    var row: String
    /// The column of the value. NULL stands for NaN where it is a number.
    var value: String
    /// Whether keys are numbers, see ``KeyNames``.
    var hasNumberedKeys: Bool

    public init(row: String, value: String, hasNumberedKeys: Bool) {
      self.row = row
      self.value = value
      self.hasNumberedKeys = hasNumberedKeys
    }
  }

  /// `SELECT` and `FROM`, without conditions.
  var selection: String
  /// The SQL of each of the subject's attributes.
  var attributes: [String: String]
  var keyed: [SearchSubject.Entity: Keyed]
  /// The SQL of what decides where the order that is asked for doesn't. The last of it is unique.
  var tieBreakers: [(sql: String, isAscending: Bool)]

  public init(
    selection: String, attributes: [String: String], keyed: [SearchSubject.Entity: Keyed],
    tieBreakers: [(sql: String, isAscending: Bool)]
  ) {
    self.selection = selection
    self.attributes = attributes
    self.keyed = keyed
    self.tieBreakers = tieBreakers
  }
}
