/// By what the answers of a search are ordered, the first item first.
public struct SearchOrder: Equatable, Sendable {
  public struct Item: Equatable, Sendable {
    public var entity: SearchSubject.Entity
    /// Of an attribute its own name, whichever was written.
    public var key: String
    public var isAscending: Bool
  }

  public var items: [Item]

  /// Reads items such as `metrics.loss DESC`. What none of them decides is decided by the subject's own order.
  ///
  /// - Throws: ``FilterError``, also where an item comes twice.
  public init(_ texts: [String], for subject: SearchSubject) throws(FilterError) {
    items = []
    for text in texts {
      let item = try Self.item(text, subject)
      if items.contains(where: { $0.entity == item.entity && $0.key == item.key }) {
        throw FilterError("`order_by` contains '\(text)' twice.")
      }
      items.append(item)
    }
  }

  private static func item(_ text: String, _ subject: SearchSubject) throws(FilterError) -> Item {
    var parser = FilterParser(try FilterLexer.tokens(text), subject)
    let (entity, key) = try parser.identifier()
    guard entity != .dataset else { throw FilterError("Runs can't be ordered by their datasets.") }
    let isDescending = parser.takes("DESC")
    if !isDescending { _ = parser.takes("ASC") }
    try parser.end()
    return Item(entity: entity, key: key, isAscending: !isDescending)
  }
}
