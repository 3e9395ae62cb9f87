import CCrypto

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

extension Digest {
  public static let byteCount = 32

  /// Of `content`, which may be empty.
  public init(of content: UnsafeRawBufferPointer) {
    self.init(words: (0, 0, 0, 0))
    let done = withUnsafeMutableBytes(of: &words) { bytes in
      EVP_Digest(content.baseAddress, content.count, bytes.baseAddress, nil, sha256, nil)
    }
    // It fails only without memory; going on would name a chunk wrongly and so corrupt whoever shares it.
    if done != 1 { fatalError("SHA-256 failed") }
  }

  /// From the 32 bytes at the start of `bytes`.
  init(bytes: UnsafeRawBufferPointer) {
    self.init(words: (0, 0, 0, 0))
    withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: .init(rebasing: bytes[..<Self.byteCount])) }
  }

  /// The 32 bytes, for the time of `body`.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withUnsafeBytes(of: words, body)
  }

  /// 64 lower-case digits.
  public var hexadecimal: String {
    withBytes { bytes in
      String(unsafeUninitializedCapacity: 2 * bytes.count) { text in
        for (index, byte) in bytes.enumerated() {
          text[2 * index] = hexadecimalDigits[Int(byte >> 4)]
          text[2 * index + 1] = hexadecimalDigits[Int(byte & 15)]
        }
        return 2 * bytes.count
      }
    }
  }

  /// From 64 digits of either case; nil for anything else.
  public init?(hexadecimal text: String) {
    let digits = Array(text.utf8)
    guard digits.count == 2 * Self.byteCount else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = hexadecimalValue(digits[index]), let low = hexadecimalValue(digits[index + 1]) else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    self = bytes.withUnsafeBytes { Digest(bytes: $0) }
  }
}

extension Digest: CustomStringConvertible {
  public var description: String { hexadecimal }
}

// Fetched once: OpenSSL 3 looks an algorithm up under a lock, which the one-shot `SHA256` does at every call.
// nonisolated(unsafe): OpenSSL's method objects never change and may be used by any thread.
private nonisolated(unsafe) let sha256: OpaquePointer = {
  guard let method = EVP_MD_fetch(nil, "SHA256", nil) else { fatalError("libcrypto has no SHA-256") }
  return method
}()

private let hexadecimalDigits = Array("0123456789abcdef".utf8)

private func hexadecimalValue(_ digit: UInt8) -> UInt8? {
  switch digit {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
  default: nil
  }
}
