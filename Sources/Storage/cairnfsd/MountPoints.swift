import Configuration
import Daemon
import Fuse
import Linux

/// The directories that are mounted on.
enum MountPoints {
  /// Detaches what a crash left, and makes the directories.
  static func prepare(_ storage: Configuration.Storage) throws {
    for path in [storage.persistentMount, storage.mount].compactMap({ $0 }) {
      // The parents first: a path's last component may be a dead mount, which can't be looked at.
      let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
      if !parent.isEmpty { try makeDirectories(parent) }
      try BindMount.clear(path)
      try makeDirectories(path)
      let names = try LocalDisk(root: path).list("")
      guard names.isEmpty else {
        throw StartError(
          "\(path) is not empty: mounting there would hide \(names.sorted().prefix(3).joined(separator: ", ")). "
            + "Move that away, or choose another directory in the configuration.")
      }
    }
  }
}
