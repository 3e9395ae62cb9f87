import Daemon
import Glibc
import Linux

/// What keeps a second daemon away from a store.
///
/// The lock belongs to the open file, so the server, which inherits the descriptor from its keeper,
/// holds it too: it is free only when both are gone.
struct StoreLock {
  /// Makes the store's directory if need be and locks it until the process ends.
  /// - Throws: ``StartError`` where another daemon has it.
  static func take(_ directory: String) throws {
    try makeDirectories(directory, mode: 0o700)
    let path = directory + "/lock"
    // Not closed on exec, so that the server inherits it.
    let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
    if descriptor < 0 { throw SystemError("open", path) }
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK else { throw SystemError("flock", path) }
      throw StartError(
        "Another cairnfsd uses the store in \(directory)\(holder(descriptor)). "
          + "Stop it, or give this one a storage.dir of its own.")
    }
    let text = "\(getpid())\n"
    if ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text, text.utf8.count, 0) < 0 {
      throw SystemError("write", path)
    }
  }

  /// Who wrote its number into the file, for people.
  private static func holder(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let digits = String(decoding: bytes[..<max(0, count)].prefix { $0 != 10 }, as: UTF8.self)
    return Int(digits).map { " (process \($0))" } ?? ""
  }
}

/// Why the daemon can't start: a sentence for the administrator.
struct StartError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
