import CCrypto
import FoundationEssentials
import Glibc
import Linux

/// What a browser shows to be let through to a server: a time until which it is valid, and a proof that only this
/// daemon can make. Nothing has to be kept of it, so it outlives a restart of the daemon.
public struct AccessPasses: Sendable {
  /// What a pass is good for. One can't be used as the other.
  public enum Kind: String, Sendable {
    /// Stands in an address, which may be seen by others: to be changed for a session soon.
    case ticket
    /// A browser's cookie.
    case session

    var seconds: Int64 {
      switch self {
      case .ticket: 300
      case .session: 30 * 86_400
      }
    }
  }

  private let key: [UInt8]
  /// Nanoseconds since 1970.
  private let now: @Sendable () -> Int64

  init(key: [UInt8], now: @escaping @Sendable () -> Int64 = nanosecondsNow) {
    self.key = key
    self.now = now
  }

  /// With the key in the file at `path`, which is made if it is not there. Removing it makes all passes invalid.
  /// - Throws: `SystemError`
  public init(keyPath path: String) throws {
    var key = FileManager.default.contents(atPath: path).map { [UInt8]($0) } ?? []
    if key.count < 32 {
      key = randomBytes(32)
      let temporary = path + ".new"
      let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw SystemError("open", temporary) }
      defer { close(descriptor) }
      guard write(descriptor, key, key.count) == key.count, fsync(descriptor) == 0 else {
        throw SystemError("write", temporary)
      }
      guard rename(temporary, path) == 0 else { throw SystemError("rename", path) }
    }
    self.init(key: key)
  }

  /// A new pass.
  /// - Parameter subject: what it leads to, such as `notebook/abc`.
  public func make(_ kind: Kind, for subject: String) -> String {
    let end = now() / 1_000_000_000 + kind.seconds
    return "\(end)-\(proof(kind, subject, end))"
  }

  /// Whether a pass is of this kind, for this subject, and still valid.
  public func isValid(_ pass: String, _ kind: Kind, for subject: String) -> Bool {
    let parts = pass.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].utf8.count <= 12, parts[0].utf8.allSatisfy({ (48...57).contains($0) }),
      let end = Int64(parts[0]), end > now() / 1_000_000_000
    else { return false }
    return isEqual(String(parts[1]), proof(kind, subject, end))
  }

  /// What a job's server asks for. Nobody but it and the daemon knows it.
  func serverSecret(of job: String) -> String { mac("cairn server \(job)") }

  private func proof(_ kind: Kind, _ subject: String, _ end: Int64) -> String {
    mac("cairn \(kind.rawValue) \(end) \(subject)")
  }

  /// HMAC-SHA256 (RFC 2104), in hexadecimal.
  private func mac(_ text: String) -> String {
    let message = Array(text.utf8)
    var digest = [UInt8](repeating: 0, count: 32)
    // It fails only without memory; going on would make a pass that anybody could make.
    guard HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &digest, nil) != nil else {
      fatalError("HMAC-SHA256 failed")
    }
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// In a time that does not tell how much of it is right.
  private func isEqual(_ a: String, _ b: String) -> Bool {
    guard a.utf8.count == b.utf8.count else { return false }
    return zip(a.utf8, b.utf8).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
