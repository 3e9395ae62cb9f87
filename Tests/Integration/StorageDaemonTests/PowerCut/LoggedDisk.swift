import Foundation
import Glibc

/// An ext4 on a loop device on a disk that remembers every write and flush: see `Tests/Integration/LogDisk`.
final class LoggedDisk {
  private let directory: String
  private let process = Process()
  private let input = Pipe()
  /// What the disk remembers. Its length at any moment says what had reached the disk.
  var log: String { directory + "/log" }
  var fileSystem: String { directory + "/ext4" }

  /// Works below an existing directory. The log is in memory.
  init(in parent: String, bytes: UInt64) throws {
    directory = parent + "/disk"
    try FileManager.default.createDirectory(atPath: directory + "/ext4", withIntermediateDirectories: true)
    try Data().write(to: URL(filePath: directory + "/file"))
    process.executableURL = try builtProgram("log-disk")
    process.arguments = [directory + "/file", "\(bytes)", log]
    process.standardInput = input
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    guard String(decoding: output.fileHandleForReading.availableData, as: UTF8.self) == "ready\n" else {
      throw CommandFailed(description: "log-disk did not mount; it says why above")
    }
    try command(
      "mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", "-J", "size=16", "-N", "4096",
      "-m", "0", directory + "/file")
    try command("mount", "-o", "loop,nodiscard", directory + "/file", fileSystem)
  }

  /// How much of the log there is.
  var position: Int {
    var status = stat()
    return lstat(log, &status) == 0 ? Int(status.st_size) : 0
  }

  func unmount() throws { try command("umount", fileSystem) }

  /// Leaves nothing mounted, whatever happened. The log stays.
  func end() {
    umount2(fileSystem, Int32(MNT_DETACH))
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
