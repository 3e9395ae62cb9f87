/// Reads tokens from the first to the last.
struct FilterParser {
  private let tokens: [FilterToken]
  private let subject: SearchSubject
  private var position = 0

  init(_ tokens: [FilterToken], _ subject: SearchSubject) {
    self.tokens = tokens
    self.subject = subject
  }

  private var current: FilterToken? { position < tokens.count ? tokens[position] : nil }

  private mutating func take() throws(FilterError) -> FilterToken {
    guard let token = current else { throw FilterError("The filter ends in the middle of a comparison.") }
    position += 1
    return token
  }

  mutating func takes(_ keyword: String) -> Bool {
    guard case .word(let word) = current, word.uppercased() == keyword else { return false }
    position += 1
    return true
  }

  mutating func comparisons() throws(FilterError) -> [SearchFilter.Comparison] {
    var result: [SearchFilter.Comparison] = []
    while current != nil {
      if !result.isEmpty, !takes("AND") {
        throw FilterError("Comparisons are joined by AND; there are no OR, no NOT and no parentheses.")
      }
      result.append(try comparison())
    }
    return result
  }

  private mutating func comparison() throws(FilterError) -> SearchFilter.Comparison {
    let (entity, key) = try identifier()
    let condition = try condition(entity, key)
    return SearchFilter.Comparison(entity: entity, key: key, condition: condition)
  }

  /// Whether the rest is nothing.
  mutating func end() throws(FilterError) {
    if let token = current { throw FilterError("There is \(token) too much.") }
  }

  // MARK: Keys

  mutating func identifier() throws(FilterError) -> (SearchSubject.Entity, String) {
    let first = try keyPart()
    guard current == .dot else { return (.attribute, try subject.attribute(first.text)) }
    guard !first.isQuoted else { throw FilterError("What stands before the point is not quoted: '\(first.text)'.") }
    let entity = try subject.entity(first.text)
    var parts: [String] = []
    // Points may be in a key that is not quoted.
    while current == .dot {
      position += 1
      parts.append(try keyPart().text)
    }
    let key = parts.joined(separator: ".")
    switch entity {
    case .attribute: return (entity, try subject.attribute(key))
    case .dataset where !SearchSubject.datasetKeys.contains(key):
      throw FilterError("Invalid dataset key '\(key)' specified. Valid keys are 'name', 'digest', 'context'.")
    default: return (entity, key)
    }
  }

  private mutating func keyPart() throws(FilterError) -> (text: String, isQuoted: Bool) {
    switch try take() {
    case .word(let word): return (word, false)
    // A key such as `tag.2`.
    case .number(let digits): return (digits, false)
    case .quotedKey(let text), .doubleQuoted(let text): return (text, true)
    case let token: throw FilterError("A comparison begins with a key such as metrics.loss, and not with \(token).")
    }
  }

  // MARK: Conditions

  private mutating func condition(
    _ entity: SearchSubject.Entity, _ key: String
  ) throws(FilterError) -> SearchFilter.Condition {
    if takes("IS") {
      let isNegated = takes("NOT")
      guard takes("NULL"), entity == .parameter || entity == .tag else {
        throw FilterError("IS NULL and IS NOT NULL go with parameters and tags.")
      }
      return isNegated ? .isNotNull : .isNull
    }
    let isNegated = takes("NOT")
    if takes("IN") {
      guard allowsLists(entity, key) else { throw FilterError("'\(key)' can't be compared with a list.") }
      return .among(try list(), isNegated: isNegated)
    }
    if isNegated { throw FilterError("NOT goes with IN only.") }
    return isNumber(entity, key) ? try numberCondition(key) : try textCondition(key)
  }

  private func isNumber(_ entity: SearchSubject.Entity, _ key: String) -> Bool {
    if entity == .metric { return true }
    guard entity == .attribute, case .number = subject.attributes[key] else { return false }
    return true
  }

  private func allowsLists(_ entity: SearchSubject.Entity, _ key: String) -> Bool {
    if entity == .dataset { return true }
    guard entity == .attribute, case .text(let inLists) = subject.attributes[key] else { return false }
    return inLists
  }

  private mutating func numberCondition(_ key: String) throws(FilterError) -> SearchFilter.Condition {
    guard case .comparison(let symbol) = try take(), let comparison = SearchFilter.NumberOperator(rawValue: symbol)
    else { throw FilterError("'\(key)' is a number: compare it with one of = != < <= > >=.") }
    guard case .number(let digits) = try take(), let value = Double(digits) else {
      throw FilterError("'\(key)' is a number: compare it with one, without quotes.")
    }
    return .number(comparison, value)
  }

  private mutating func textCondition(_ key: String) throws(FilterError) -> SearchFilter.Condition {
    let comparison: SearchFilter.TextOperator?
    switch try take() {
    case .comparison(let symbol): comparison = SearchFilter.TextOperator(rawValue: symbol)
    case .word(let word): comparison = SearchFilter.TextOperator(rawValue: word.uppercased())
    default: comparison = nil
    }
    guard let comparison else {
      throw FilterError("'\(key)' is a text: compare it with one of = != LIKE ILIKE.")
    }
    return .text(comparison, try text(key))
  }

  private mutating func text(_ key: String) throws(FilterError) -> String {
    switch try take() {
    case .text(let text), .doubleQuoted(let text): return text
    default: throw FilterError("'\(key)' is a text: compare it with one in quotes.")
    }
  }

  private mutating func list() throws(FilterError) -> [String] {
    guard try take() == .open else { throw FilterError("A list stands in parentheses: IN ('a', 'b').") }
    var texts: [String] = []
    while true {
      texts.append(try text("Each item of a list"))
      switch try take() {
      case .comma: continue
      case .close: return texts
      default: throw FilterError("The items of a list are parted by commas.")
      }
    }
  }
}
