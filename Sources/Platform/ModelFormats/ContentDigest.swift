import CCrypto

/// The digest of a model's content: SHA-256 of a text with a line for each file, its SHA-256, two spaces and its path, in
/// the order of the paths' bytes. Anybody can make it with coreutils, in the model's directory:
///
///     find . -type f,l -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
public struct ContentDigest {
  private let context: OpaquePointer

  /// Begins a SHA-256. For one thread; ``finish()`` must be called once.
  public init() {
    // They fail only without memory; going on would give a wrong digest.
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      fatalError("SHA-256 failed")
    }
    self.context = context
  }

  public func update(_ bytes: UnsafeRawBufferPointer) {
    if EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) != 1 { fatalError("SHA-256 failed") }
  }

  /// 64 lower-case hexadecimal digits.
  public func finish() -> String {
    defer { EVP_MD_CTX_free(context) }
    var digest = [UInt8](repeating: 0, count: 32)
    if EVP_DigestFinal_ex(context, &digest, nil) != 1 { fatalError("SHA-256 failed") }
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  public static func hexadecimal(of bytes: [UInt8]) -> String {
    let digest = ContentDigest()
    bytes.withUnsafeBytes { digest.update($0) }
    return digest.finish()
  }

  /// The files with their digests. Reads all of them; blocks.
  public static func files(of files: ModelFiles) throws -> [VersionFile] {
    try files.entries.map { entry in
      let digest = ContentDigest()
      do {
        try files.read(entry.path) { digest.update($0) }
      } catch {
        _ = digest.finish()
        throw error
      }
      return VersionFile(path: entry.path, size: entry.size, sha256: digest.finish())
    }
  }

  /// The digest of a model of these files, which are in the order of their paths' bytes.
  public static func digest(of files: [VersionFile]) -> String {
    let digest = ContentDigest()
    for file in files {
      var line = "\(file.sha256)  \(file.path)\n"
      // As sha256sum writes such names.
      if file.path.utf8.contains(where: { $0 == 0x0A || $0 == 0x5C || $0 == 0x0D }) {
        let path = file.path.unicodeScalars.map { scalar in
          switch scalar {
          case "\\": "\\\\"
          case "\n": "\\n"
          case "\r": "\\r"
          default: String(scalar)
          }
        }
        line = "\\\(file.sha256)  \(path.joined())\n"
      }
      line.withUTF8 { digest.update(UnsafeRawBufferPointer($0)) }
    }
    return digest.finish()
  }
}

/// One of a model's files.
public struct VersionFile: Codable, Hashable, Sendable {
  /// Relative to the model's directory.
  public var path: String
  public var size: UInt64
  /// 64 lower-case hexadecimal digits.
  public var sha256: String

  public init(path: String, size: UInt64, sha256: String) {
    self.path = path
    self.size = size
    self.sha256 = sha256
  }
}
