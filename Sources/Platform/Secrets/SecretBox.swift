import CCrypto
import Linux
import Synchronization

/// Encrypts and decrypts what is kept at rest: AES-256-GCM (NIST SP 800-38D), by libcrypto.
///
/// What comes out is a version (1 byte), the nonce (12 random bytes), the ciphertext, and the tag (16 bytes). The name
/// is authenticated with it: a value that is moved to another name is not taken. Safe to use from any number of tasks.
public final class SecretBox: Sendable {
  private static let version: UInt8 = 1
  private static let nonceSize = 12
  private static let tagSize = 16

  private let file: SecretKey
  private let key = Mutex<[UInt8]?>(nil)

  /// - Parameter keyPath: of the key's file, which is made when it is needed first.
  public init(keyPath: String) { file = SecretKey(path: keyPath) }

  public var keyPath: String { file.path }

  /// - Throws: ``SecretError``, `SystemError`
  public func seal(_ value: [UInt8], name: String) throws -> [UInt8] {
    let nonce = randomBytes(Self.nonceSize)
    var tag = [UInt8](repeating: 0, count: Self.tagSize)
    let output = try withContext(nonce: nonce, encrypting: true) { context in
      guard let output = Self.update(context, name: name, value, encrypting: true),
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tag.count), &tag) == 1
      else { return nil }
      return output
    }
    guard let output else { preconditionFailure("libcrypto can't encrypt") }
    return [Self.version] + nonce + output + tag
  }

  /// - Throws: ``SecretError/unreadable(name:keyPath:)`` where it was not sealed by this key and for this name.
  public func open(_ sealed: [UInt8], name: String) throws -> [UInt8] {
    guard sealed.count >= 1 + Self.nonceSize + Self.tagSize, sealed[0] == Self.version else { throw unreadable(name) }
    let nonce = Array(sealed[1...Self.nonceSize])
    var tag = Array(sealed.suffix(Self.tagSize))
    let ciphertext = Array(sealed[(1 + Self.nonceSize)..<(sealed.count - Self.tagSize)])
    let value = try withContext(nonce: nonce, encrypting: false) { context in
      guard EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag) == 1 else { return nil }
      return Self.update(context, name: name, ciphertext, encrypting: false)
    }
    guard let value else { throw unreadable(name) }
    return value
  }

  private func unreadable(_ name: String) -> SecretError { .unreadable(name: name, keyPath: keyPath) }

  private func loadedKey() throws -> [UInt8] {
    try key.withLock { key in
      if let key { return key }
      let loaded = try file.load()
      key = loaded
      return loaded
    }
  }

  private func withContext(
    nonce: [UInt8], encrypting: Bool, _ body: (OpaquePointer) -> [UInt8]?
  ) throws -> [UInt8]? {
    let key = try loadedKey()
    guard let context = EVP_CIPHER_CTX_new() else { return nil }
    defer { EVP_CIPHER_CTX_free(context) }
    // The mode's own nonce is of 12 bytes.
    guard EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce, encrypting ? 1 : 0) == 1 else { return nil }
    return body(context)
  }

  private static func update(
    _ context: OpaquePointer, name: String, _ input: [UInt8], encrypting: Bool
  ) -> [UInt8]? {
    let name = Array(name.utf8)
    var count: Int32 = 0
    guard EVP_CipherUpdate(context, nil, &count, name, Int32(name.count)) == 1 else { return nil }
    var output = [UInt8](repeating: 0, count: input.count + 16)
    var length: Int32 = 0
    guard EVP_CipherUpdate(context, &output, &length, input, Int32(input.count)) == 1 else { return nil }
    // Where the tag is not right, this says so.
    var rest = [UInt8](repeating: 0, count: 16)
    guard EVP_CipherFinal_ex(context, &rest, &count) == 1 else { return nil }
    return Array(output.prefix(Int(length))) + rest.prefix(Int(count))
  }
}
