import FoundationEssentials
import Glibc
import Linux

/// The key that secrets are encrypted with, in a file of its own that only root reads: whoever gets hold of the
/// database, or of a copy of it, has nothing.
///
/// The file has 64 hexadecimal digits. It is made when it is needed for the first time.
struct SecretKey: Sendable {
  static let bytes = 32

  let path: String

  /// - Throws: ``SecretError`` where the file is not what it must be; `SystemError`.
  func load() throws -> [UInt8] {
    if let key = try read() { return key }
    try make()
    guard let key = try read() else { throw SecretError.key(path: path, reason: "it was made and is gone") }
    return key
  }

  /// nil: there is no such file.
  private func read() throws -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw SystemError("open", path)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemError("stat", path) }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 == 0 else {
      throw SecretError.key(path: path, reason: "others than its owner may read it: chmod 600 \(path)")
    }
    var text = [UInt8](repeating: 0, count: 2 * Self.bytes + 2)
    let count = Glibc.read(descriptor, &text, text.count)
    guard count >= 0 else { throw SystemError("read", path) }
    let digits = text[..<count].prefix { $0 != 10 }.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard count <= 2 * Self.bytes + 1, digits.count == 2 * Self.bytes else {
      throw SecretError.key(path: path, reason: "it has not \(2 * Self.bytes) hexadecimal digits")
    }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  /// Another process may do so at the same time: the first one's is the key.
  private func make() throws {
    let directory = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
    try FileManager.default.createDirectory(atPath: String(directory), withIntermediateDirectories: true)
    let temporary = "\(path).\(getpid()).new"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemError("open", temporary) }
    defer {
      close(descriptor)
      unlink(temporary)
    }
    let text = randomBytes(Self.bytes).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + "\n"
    // Before anything is encrypted with it: a key that a power cut takes away takes all secrets with it.
    guard write(descriptor, text, text.utf8.count) == text.utf8.count, fsync(descriptor) == 0 else {
      throw SystemError("write", temporary)
    }
    guard link(temporary, path) == 0 || errno == EEXIST else { throw SystemError("link", path) }
    let parent = open(String(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard parent >= 0 else { throw SystemError("open", String(directory)) }
    defer { close(parent) }
    guard fsync(parent) == 0 else { throw SystemError("fsync", String(directory)) }
  }
}

/// A secret that can't be kept or read.
public enum SecretError: Error, Hashable, CustomStringConvertible, Sendable {
  /// The key's file is of no use.
  case key(path: String, reason: String)
  /// What is kept was not encrypted with this key, or for another name, or is damaged.
  case unreadable(name: String, keyPath: String)

  public var description: String {
    switch self {
    case .key(let path, let reason): "the key of secrets, \(path), can't be used: \(reason)"
    case .unreadable(let name, let keyPath):
      "\(name) can't be decrypted: \(keyPath) is not the key that it was encrypted with. Bring that key back, or set "
        + "the secret again"
    }
  }
}
