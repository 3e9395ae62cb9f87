import CCrypto
import FoundationEssentials
import Linux

/// How clients show that they may use a deployment.
public enum AuthenticationKind: String, Codable, CaseIterable, Sendable {
  case none
  /// `Authorization: Bearer TOKEN`.
  case token
  /// `Authorization: Basic …`, which browsers ask people for.
  case basic
}

/// What is kept of a deployment's credentials: nobody who reads it can make a request with it.
///
/// An HMAC and not one of crypt(3)'s hashes, which HAProxy would compute anew for each request on the one thread that
/// serves it: the secrets are random and 160 bits long, so there is nothing to guess.
public struct CredentialLock: Hashable, Codable, Sendable {
  var kind: AuthenticationKind
  /// Random, in base64, as HAProxy's `hmac` takes it.
  var key: String
  /// The HMAC-SHA-256 of the second word of the header, in upper-case hexadecimal as HAProxy's `hex` makes it.
  var proof: String
}

/// Credentials, as they are shown once, when they are made.
public struct Credentials: Hashable, Sendable {
  public var kind: AuthenticationKind
  /// Of `basic`.
  public var user: String?
  /// The token or the password.
  public var secret: String

  /// The second word of the header.
  var word: String {
    guard let user else { return secret }
    return Data("\(user):\(secret)".utf8).base64EncodedString()
  }

  /// New ones; nil for `none`.
  public static func make(_ kind: AuthenticationKind) -> Credentials? {
    let secret = String(randomBytes(20).flatMap { [hexDigits[Int($0 >> 4)], hexDigits[Int($0 & 15)]] }).lowercased()
    switch kind {
    case .none: return nil
    case .token: return Credentials(kind: .token, user: nil, secret: "cairn-" + secret)
    case .basic: return Credentials(kind: .basic, user: "cairn", secret: secret)
    }
  }

  var lock: CredentialLock {
    let key = randomBytes(32)
    return lock(key: key)
  }

  func lock(key: [UInt8]) -> CredentialLock {
    let proof = hmacSHA256(Array(word.utf8), key: key)
    return CredentialLock(
      kind: kind, key: Data(key).base64EncodedString(),
      proof: String(proof.flatMap { [hexDigits[Int($0 >> 4)], hexDigits[Int($0 & 15)]] }))
  }
}

private let hexDigits = Array("0123456789ABCDEF")

/// RFC 2104.
func hmacSHA256(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: 32)
  var length: UInt32 = 0
  HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &digest, &length)
  return digest
}
