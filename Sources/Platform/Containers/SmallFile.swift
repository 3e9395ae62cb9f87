import FoundationEssentials
import Glibc
import Linux

/// The text of a small file, such as those under /proc; nil: it can't be read.
/// - Parameter limit: what is beyond so many bytes is left out, of files that a hostile program can make long.
func readFile(_ path: String, limit: Int = .max) -> String? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 64 << 10)
  while true {
    let count = read(descriptor, &buffer, buffer.count)
    guard count >= 0 else { return nil }
    bytes += buffer[..<count]
    guard count > 0, bytes.count < limit else { return String(decoding: bytes.prefix(limit), as: UTF8.self) }
  }
}

/// Writes a file that only root reads, as a whole or not at all.
public func writeFile(_ path: String, _ text: String) throws {
  let temporary = path + ".new"
  let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  guard descriptor >= 0 else { throw SystemError("open", temporary) }
  defer { close(descriptor) }
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { throw SystemError("write", temporary) }
    rest = rest.dropFirst(count)
  }
  guard rename(temporary, path) == 0 else { throw SystemError("rename", path) }
}

/// Makes a directory and those above it, as `mkdir -p`.
func makeDirectories(_ path: String) throws {
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
}

extension StringProtocol {
  /// Without white space at its ends.
  var trimmed: String {
    var text = self[...]
    while let first = text.first, first.isWhitespace { text = text.dropFirst() }
    while let last = text.last, last.isWhitespace { text = text.dropLast() }
    return String(text)
  }
}

/// The names in a directory, without `.` and `..`; none where it can't be read.
func directoryEntries(_ path: String) -> [String] {
  guard let directory = opendir(path) else { return [] }
  defer { closedir(directory) }
  var names: [String] = []
  while let entry = readdir(directory) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if name != "." && name != ".." { names.append(name) }
  }
  return names
}

/// Where a symbolic link leads; nil: it can't be read.
func linkTarget(_ path: String) -> String? {
  var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
  let count = readlink(path, &buffer, buffer.count)
  return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
}
