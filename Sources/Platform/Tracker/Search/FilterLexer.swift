/// A piece of a filter or an ordering, as MLflow's clients write them.
enum FilterToken: Equatable {
  /// A key or a keyword, which is told from a key by where it stands.
  case word(String)
  /// A key in backquotes, or what stands in double quotes: a key or a text, as the place demands.
  case quotedKey(String)
  case doubleQuoted(String)
  /// A text in single quotes.
  case text(String)
  /// As it was written: `-1.5e3`.
  case number(String)
  /// `= != < <= > >=`.
  case comparison(String)
  case dot
  case comma
  case open
  case close
}

/// Cuts a filter into tokens. A pure function of the text; linear in its length.
struct FilterLexer {
  private let characters: [Unicode.Scalar]
  private var position = 0

  private init(_ text: String) { characters = Array(text.unicodeScalars) }

  /// - Throws: ``FilterError`` where a quote is not closed or a character has no meaning.
  static func tokens(_ text: String) throws(FilterError) -> [FilterToken] {
    var lexer = FilterLexer(text)
    var tokens: [FilterToken] = []
    while let token = try lexer.next() { tokens.append(token) }
    return tokens
  }

  private var current: Unicode.Scalar? { position < characters.count ? characters[position] : nil }

  private mutating func next() throws(FilterError) -> FilterToken? {
    while let character = current, character.properties.isWhitespace { position += 1 }
    guard let first = current else { return nil }
    switch first {
    case "'": return .text(try quoted(by: first))
    case "\"": return .doubleQuoted(try quoted(by: first))
    case "`": return .quotedKey(try quoted(by: first))
    case "(": return single(.open)
    case ")": return single(.close)
    case ",": return single(.comma)
    case ".": return isAfterKey || !startsNumber(at: position) ? single(.dot) : .number(number())
    case "=", "!", "<", ">": return .comparison(try comparison())
    default:
      if startsNumber(at: position) { return .number(number()) }
      guard Self.isOfWord(first) else { throw FilterError("There is no meaning to ‘\(first)’ in a filter.") }
      return .word(taken { Self.isOfWord($0) })
    }
  }

  private mutating func single(_ token: FilterToken) -> FilterToken {
    position += 1
    return token
  }

  private mutating func quoted(by quote: Unicode.Scalar) throws(FilterError) -> String {
    position += 1
    let text = taken { $0 != quote }
    guard current == quote else { throw FilterError("A \(quote) in the filter is not closed.") }
    position += 1
    return text
  }

  private mutating func comparison() throws(FilterError) -> String {
    let text = taken { "=!<>".unicodeScalars.contains($0) }
    guard ["=", "!=", "<", "<=", ">", ">="].contains(text) else {
      throw FilterError("There is no operator \(text): use one of = != < <= > >=.")
    }
    return text
  }

  private mutating func taken(while isWanted: (Unicode.Scalar) -> Bool) -> String {
    let start = position
    while let character = current, isWanted(character) { position += 1 }
    return String(String.UnicodeScalarView(characters[start..<position]))
  }

  /// `metrics.2` has a point between two parts of a key, ` .2` is a number.
  private var isAfterKey: Bool {
    guard position > 0 else { return false }
    let before = characters[position - 1]
    return Self.isOfWord(before) || before == "`" || before == "\""
  }

  /// A sign or a point begins a number only before a digit.
  private func startsNumber(at start: Int) -> Bool {
    guard start < characters.count else { return false }
    if Self.isDigit(characters[start]) { return true }
    guard "+-.".unicodeScalars.contains(characters[start]), start + 1 < characters.count else { return false }
    return Self.isDigit(characters[start + 1])
      || (characters[start] != "." && characters[start + 1] == "." && startsNumber(at: start + 1))
  }

  /// Digits and whatever may stand among them: whether it is a number is seen when it is read as one.
  private mutating func number() -> String {
    var last: Unicode.Scalar?
    return taken { character in
      defer { last = character }
      // Of a sign or an exponent.
      if character == "+" || character == "-" { return last == nil || last == "e" || last == "E" }
      return character == "." || Self.isOfWord(character)
    }
  }

  private static func isDigit(_ character: Unicode.Scalar) -> Bool { ("0"..."9").contains(character) }

  /// Slashes, dashes and colons are of keys such as `val/top-1`; MLflow's own parser wants those quoted.
  private static func isOfWord(_ character: Unicode.Scalar) -> Bool {
    character.properties.isAlphabetic || character.properties.numericType != nil
      || "_/-:%".unicodeScalars.contains(character)
  }
}

/// A filter, an ordering or a page token that makes no sense. The message is for whoever wrote it.
public struct FilterError: Error, Equatable, CustomStringConvertible, Sendable {
  public let message: String

  init(_ message: String) { self.message = message }

  public var description: String { message }
}
