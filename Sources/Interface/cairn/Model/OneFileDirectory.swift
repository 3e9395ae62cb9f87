import FoundationEssentials
import Glibc
import Linux

/// A directory with one file in it, which is another name of a given one where that can be had, else a copy. It goes with
/// the last reference.
final class OneFileDirectory {
  let path: String

  /// nil: `source` is a directory itself.
  init?(_ source: String) throws {
    var status = stat()
    guard stat(source, &status) == 0 else { throw SystemError("stat", source) }
    if status.st_mode & S_IFMT == S_IFDIR { return nil }
    guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("read", source, EINVAL) }
    // Beside the file first: a hard link can't lead to another file system.
    let parent = source.lastIndex(of: "/").map { source[..<$0] + "/" } ?? ""
    let name = source.split(separator: "/").last.map(String.init) ?? source
    for place in [parent + ".cairn-register.", FileManager.default.temporaryDirectory.path + "/cairn-register."] {
      var template = Array((place + "XXXXXX").utf8CString)
      guard let made = mkdtemp(&template) else { continue }
      let directory = String(cString: made)
      if link(source, directory + "/" + name) == 0 {
        path = directory
        return
      }
      do {
        try FileManager.default.copyItem(atPath: source, toPath: directory + "/" + name)
      } catch {
        try? FileManager.default.removeItem(atPath: directory)
        throw error
      }
      path = directory
      return
    }
    throw SystemError("mkdtemp", source)
  }

  // What stays is in a directory for temporary files, or hidden; there is nobody to tell any more.
  deinit { try? FileManager.default.removeItem(atPath: path) }
}
