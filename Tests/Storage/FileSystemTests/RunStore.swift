import FileSystem
import Linux
import TestSupport

/// Where the store of a run lies.
enum RunStore {
  /// In a directory of the real disk.
  case local(TemporaryDirectory)
  case simulated(SimulatedDisk, path: String)

  static func simulated(_ disk: SimulatedDisk) -> RunStore { .simulated(disk, path: SimulatedSQLite.mount(disk)) }

  func open(_ options: FileSystem.Options) throws -> FileSystem {
    switch self {
    case .local(let directory):
      try FileSystem(disk: LocalDisk(root: directory.path), catalogDirectory: directory.path, options: options)
    case .simulated(let disk, let path): try FileSystem(disk: disk, catalogDirectory: path, options: options)
    }
  }

  /// What is there when the process that uses it is killed now.
  func afterKill() throws -> RunStore {
    switch self {
    case .local(let directory):
      let copy = TemporaryDirectory()
      try copyDirectory(directory.path, to: copy.path)
      return .local(copy)
    case .simulated(let disk, _): return .simulated(disk.afterKill())
    }
  }

  /// The power is gone.
  var isDead: Bool {
    if case .simulated(let disk, _) = self { disk.isDead } else { false }
  }

  /// Nobody uses it any more.
  func discard() {
    if case .simulated(_, let path) = self { SimulatedSQLite.unmount(path) }
  }
}
