import Linux

/// Names that people give, and identifiers that Cairn gives.
public enum Names {
  /// Letters, digits, `.`, `_` and `-`, the first a letter or digit, at most 64 of them: safe as a
  /// directory's name, in a URL, and as part of a container's name.
  public static func isValid(_ name: String) -> Bool {
    guard (1...64).contains(name.utf8.count), let first = name.utf8.first, isAlphanumeric(first) else { return false }
    return name.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2E || $0 == 0x5F || $0 == 0x2D }
  }

  /// A project's name for a directory of this name: what may not be in one becomes `-`.
  public static func project(forDirectory name: String) -> String {
    var valid = name.utf8.map { isValid("a" + String(UnicodeScalar($0))) ? Character(UnicodeScalar($0)) : "-" }
    valid = Array(valid.drop { !isAlphanumeric($0.asciiValue ?? 0) }.prefix(64))
    return valid.isEmpty ? "default" : String(valid)
  }

  /// Twelve random characters out of a to z and 2 to 7, the first a letter: 59 bits.
  public static func newIdentifier() -> String {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")
    let bytes = randomBytes(12)
    return String(
      bytes.indices.map { index in
        // 26 does not divide 256; the bias of the first letter is of no account.
        index == 0 ? alphabet[Int(bytes[0]) % 26] : alphabet[Int(bytes[index] & 31)]
      })
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}
