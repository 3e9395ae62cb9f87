import Catalog
import FileSystem
import Glibc
import Linux

/// Makes a store of many files by the file system's own operations, without the kernel in between.
enum Builder {
  static func build(store: String, files: Int) throws {
    let start = nanoseconds()
    var options = FileSystem.Options()
    options.report = { fail($0) }
    let fileSystem = try FileSystem(disk: LocalDisk(root: store), catalogDirectory: store, options: options)
    let volume = try fileSystem.createVolume(VolumeRequest(kind: .persistent, path: "storage"))
    let root = NodeID(volume: volume.id, inode: volume.root)
    let caller = Caller()
    var directory = root
    for index in 0..<files {
      do {
        if index % Layout.filesPerDirectory == 0 {
          if index > 0 { fileSystem.forget(directory, count: 1) }
          directory = try fileSystem.make(
            root, Array(Layout.directory(index).utf8), NewNode(mode: S_IFDIR | 0o755), caller
          ).node
        }
        let file = try fileSystem.make(
          directory, Array(Layout.name(index).utf8), NewNode(mode: S_IFREG | 0o644), caller
        ).node
        let content = Array(Layout.content(index).utf8)
        _ = try content.withUnsafeBytes { bytes in
          try fileSystem.write(file, offset: 0, bytes: bytes, clearSetID: false, caller)
        }
        // No kernel will give them back.
        fileSystem.forget(file, count: 1)
      } catch {
        fail("make \(Layout.path(index)): \(error)")
      }
      if index > 0, index % 1_000_000 == 0 { progress("\(index) files after \(Int(seconds(since: start))) s") }
    }
    fileSystem.close()
    progress("\(files) files made in \(Int(seconds(since: start))) s")
  }

  private static func progress(_ text: String) {
    let line = text + "\n"
    _ = write(STDERR_FILENO, line, line.utf8.count)
  }
}
