import FoundationEssentials
import Glibc

/// A new, empty directory that goes, with all that is in it, when the last reference goes.
public final class TemporaryDirectory: Sendable {
  /// Absolute.
  public let path: String

  public init() {
    let parent = FileManager.default.temporaryDirectory.path
    var template = Array("\(parent)/cairn-test.XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { fatalError("mkdtemp in \(parent): \(String(cString: strerror(errno)))") }
    path = String(cString: made)
  }

  deinit {
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      print("can't remove \(path): \(error)")
    }
  }
}
