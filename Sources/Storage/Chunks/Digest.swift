/// The SHA-256 of a chunk's content: its name in the store.
public struct Digest: Hashable, Sendable, Comparable {
  /// The 32 bytes as four words, in the order of memory.
  public var words: (UInt64, UInt64, UInt64, UInt64)

  public init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

  public static func == (a: Digest, b: Digest) -> Bool {
    a.words.0 == b.words.0 && a.words.1 == b.words.1 && a.words.2 == b.words.2 && a.words.3 == b.words.3
  }

  public static func < (a: Digest, b: Digest) -> Bool {
    withUnsafeBytes(of: a.words) { x in withUnsafeBytes(of: b.words) { y in x.lexicographicallyPrecedes(y) } }
  }

  // A digest is random already: one word of it hashes as well as all four, at a quarter of the cost.
  public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
