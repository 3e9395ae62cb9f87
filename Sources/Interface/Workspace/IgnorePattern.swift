/// One line of an ignore file, by the rules of gitignore(5). Names are bytes, compared byte for byte.
///
/// Matching walks all the positions in the pattern that the path could have led to, side by side, so
/// it costs at most pattern × path whatever the pattern: a line such as `*a*a*a*a*b` cannot stall an
/// upload as it would with backtracking.
public struct IgnorePattern: Sendable, Equatable {
  /// A line that begins with `!`: what it matches is taken in again.
  public let isNegated: Bool
  /// A line that ends with `/`: it matches directories only.
  public let matchesDirectoriesOnly: Bool
  /// A line with a `/` before its end is matched against the path from the ignore file's directory;
  /// one without is matched against the last component alone.
  public let isAnchored: Bool
  private let tokens: [Token]

  enum Token: Sendable, Equatable {
    case byte(UInt8)
    /// `?`: any byte but `/`.
    case any
    /// `[…]`: a byte of the set; never `/`.
    case set(ByteSet)
    /// `*`: any bytes but `/`, or none.
    case star
    /// `**` at the end: any bytes, at least one.
    case everything
    /// `**/`: whole directories, or none.
    case directories
    /// What can never be matched, such as an unclosed `[`.
    case never
  }

  /// Parses a line, without its line feed. Nil for a blank line or a comment.
  public init?(line: some Collection<UInt8>) {
    var bytes = Self.trimmed(Array(line))
    if bytes.isEmpty || bytes[0] == UInt8(ascii: "#") { return nil }
    isNegated = bytes[0] == UInt8(ascii: "!")
    if isNegated { bytes.removeFirst() }
    matchesDirectoriesOnly = bytes.last == UInt8(ascii: "/")
    if matchesDirectoriesOnly { bytes.removeLast() }
    isAnchored = bytes.contains(UInt8(ascii: "/"))
    if bytes.first == UInt8(ascii: "/") { bytes.removeFirst() }
    if bytes.isEmpty { return nil }
    tokens = Self.tokens(of: bytes, inPath: isAnchored)
  }

  /// Whether the pattern matches `path`, which is relative to the ignore file's directory.
  public func matches(_ path: ArraySlice<UInt8>, isDirectory: Bool) -> Bool {
    if matchesDirectoriesOnly && !isDirectory { return false }
    if isAnchored { return matchesTokens(path) }
    let name = path.lastIndex(of: UInt8(ascii: "/")).map { path[($0 + 1)...] } ?? path
    return matchesTokens(name)
  }

  /// Cuts a carriage return and the spaces at the end, but for a space behind a backslash.
  private static func trimmed(_ line: [UInt8]) -> [UInt8] {
    var line = line[...]
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    var kept = line.startIndex
    var index = line.startIndex
    while index < line.endIndex {
      if line[index] == UInt8(ascii: "\\") {
        index = min(index + 2, line.endIndex)
        kept = index
      } else {
        index += 1
        if line[index - 1] != UInt8(ascii: " ") { kept = index }
      }
    }
    return Array(line[..<kept])
  }

  private static func tokens(of bytes: [UInt8], inPath: Bool) -> [Token] {
    let slash = UInt8(ascii: "/")
    var tokens: [Token] = []
    var index = 0
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "\\"):
        index += 1
        tokens.append(index < bytes.count ? .byte(bytes[index]) : .never)
        index += 1
      case UInt8(ascii: "?"):
        tokens.append(.any)
        index += 1
      case UInt8(ascii: "["):
        if let (set, end) = ByteSet.parse(bytes, from: index + 1) {
          tokens.append(.set(set))
          index = end
        } else {
          return [.never]
        }
      case UInt8(ascii: "*"):
        let start = index
        while index < bytes.count && bytes[index] == UInt8(ascii: "*") { index += 1 }
        // Two asterisks have their meaning only as a whole component of a path.
        let isComponent =
          inPath && index - start >= 2 && (start == 0 || bytes[start - 1] == slash)
          && (index == bytes.count || bytes[index] == slash)
        if !isComponent {
          tokens.append(.star)
        } else if index == bytes.count {
          tokens.append(.everything)
        } else {
          tokens.append(.directories)
          index += 1
        }
      default:
        tokens.append(.byte(bytes[index]))
        index += 1
      }
    }
    return tokens
  }

  private func matchesTokens(_ text: ArraySlice<UInt8>) -> Bool {
    let slash = UInt8(ascii: "/")
    // `at[i]`: the text so far can be matched by the first i tokens. `directories` is a state that
    // may also be stayed in; leaving it is possible at the start of a component only.
    var at = [Bool](repeating: false, count: tokens.count + 1)
    at[0] = true
    var previous: UInt8 = slash
    skipEmpty(&at, atComponentStart: true)
    for byte in text {
      var next = [Bool](repeating: false, count: tokens.count + 1)
      var alive = false
      for index in tokens.indices where at[index] {
        var reached: Int?
        switch tokens[index] {
        case .byte(let wanted): if byte == wanted { reached = index + 1 }
        case .any: if byte != slash { reached = index + 1 }
        case .set(let set): if byte != slash && set.contains(byte) { reached = index + 1 }
        case .star: if byte != slash { reached = index }
        case .everything:
          next[index + 1] = true
          reached = index
        case .directories: reached = index
        case .never: break
        }
        if let reached {
          next[reached] = true
          alive = true
        }
      }
      if !alive { return false }
      at = next
      previous = byte
      skipEmpty(&at, atComponentStart: previous == slash)
    }
    return at[tokens.count]
  }

  /// Adds the positions that are reached without a further byte.
  private func skipEmpty(_ at: inout [Bool], atComponentStart: Bool) {
    for index in tokens.indices where at[index] {
      switch tokens[index] {
      case .star: at[index + 1] = true
      case .directories where atComponentStart: at[index + 1] = true
      default: break
      }
    }
  }
}

/// A set of bytes: what a `[…]` of a pattern accepts.
struct ByteSet: Sendable, Equatable {
  private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  static func == (a: ByteSet, b: ByteSet) -> Bool { a.words == b.words }

  func contains(_ byte: UInt8) -> Bool {
    let bit = UInt64(1) << UInt64(byte & 63)
    switch byte >> 6 {
    case 0: return words.0 & bit != 0
    case 1: return words.1 & bit != 0
    case 2: return words.2 & bit != 0
    default: return words.3 & bit != 0
    }
  }

  mutating func insert(_ byte: UInt8) {
    let bit = UInt64(1) << UInt64(byte & 63)
    switch byte >> 6 {
    case 0: words.0 |= bit
    case 1: words.1 |= bit
    case 2: words.2 |= bit
    default: words.3 |= bit
    }
  }

  private mutating func invert() { words = (~words.0, ~words.1, ~words.2, ~words.3) }

  /// Parses what follows a `[`; returns the set and the index behind its `]`, or nil where none closes it.
  static func parse(_ bytes: [UInt8], from start: Int) -> (ByteSet, Int)? {
    var set = ByteSet()
    var index = start
    guard index < bytes.count else { return nil }
    let inverted = bytes[index] == UInt8(ascii: "!") || bytes[index] == UInt8(ascii: "^")
    if inverted { index += 1 }
    var isFirst = true
    // The byte that a `-` would make the start of a range.
    var low: UInt8?
    while index < bytes.count {
      var byte = bytes[index]
      // A `]` that comes first stands for itself.
      if byte == UInt8(ascii: "]") && !isFirst {
        if inverted { set.invert() }
        return (set, index + 1)
      }
      isFirst = false
      if byte == UInt8(ascii: "["), index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: ":") {
        guard let end = bytes[(index + 2)...].firstIndex(of: UInt8(ascii: "]")) else { return nil }
        if end > index + 2, bytes[end - 1] == UInt8(ascii: ":") {
          guard let members = namedClass(bytes[(index + 2)..<(end - 1)]) else { return nil }
          for byte in UInt8.min...UInt8.max where members(byte) { set.insert(byte) }
          low = nil
          index = end + 1
          continue
        }
      }
      if byte == UInt8(ascii: "-"), let from = low, index + 1 < bytes.count, bytes[index + 1] != UInt8(ascii: "]") {
        index += 1
        if bytes[index] == UInt8(ascii: "\\") { index += 1 }
        guard index < bytes.count else { return nil }
        if from <= bytes[index] { for member in from...bytes[index] { set.insert(member) } }
        low = nil
        index += 1
        continue
      }
      if byte == UInt8(ascii: "\\") {
        index += 1
        guard index < bytes.count else { return nil }
        byte = bytes[index]
      }
      set.insert(byte)
      low = byte
      index += 1
    }
    return nil
  }

  private static func namedClass(_ name: ArraySlice<UInt8>) -> ((UInt8) -> Bool)? {
    let lower = UInt8(ascii: "a")...UInt8(ascii: "z")
    let upper = UInt8(ascii: "A")...UInt8(ascii: "Z")
    let digit = UInt8(ascii: "0")...UInt8(ascii: "9")
    let graph: ClosedRange<UInt8> = 0x21...0x7E
    switch String(decoding: name, as: UTF8.self) {
    case "alpha": return { lower.contains($0) || upper.contains($0) }
    case "alnum": return { lower.contains($0) || upper.contains($0) || digit.contains($0) }
    case "blank": return { $0 == 0x20 || $0 == 0x09 }
    case "cntrl": return { $0 < 0x20 || $0 == 0x7F }
    case "digit": return { digit.contains($0) }
    case "graph": return { graph.contains($0) }
    case "lower": return { lower.contains($0) }
    case "print": return { graph.contains($0) || $0 == 0x20 }
    case "punct":
      return { graph.contains($0) && !lower.contains($0) && !upper.contains($0) && !digit.contains($0) }
    case "space": return { $0 == 0x20 || (0x09...0x0D).contains($0) }
    case "upper": return { upper.contains($0) }
    case "xdigit": return { digit.contains($0) || (0x41...0x46).contains($0) || (0x61...0x66).contains($0) }
    default: return nil
    }
  }
}
