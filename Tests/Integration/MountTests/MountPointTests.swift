import FileSystem
import Fuse
import Glibc
import Linux
import Testing

@Suite("Mounting and unmounting", .timeLimit(.minutes(1)))
struct MountPointTests {
  @Test func aMountPointInUseIsRefused() throws {
    try withMount { store in
      let error = try #require(throws: FuseError.self) {
        _ = try FuseServer(fileSystem: store.fileSystem, mountPoint: store.base + "/mount")
      }
      #expect(error.code == .busy)
      try #expect(names(store.root) == [])
    }
  }

  @Test func aMissingMountPointIsNamedInTheError() throws {
    try withMount { store in
      let error = try #require(throws: FuseError.self) {
        _ = try FuseServer(fileSystem: store.fileSystem, mountPoint: store.base + "/none")
      }
      #expect(error.code == .badMountPoint)
      #expect(error.message.contains(store.base + "/none"))
    }
  }

  @Test func aDeadMountIsDetachedAtStart() throws {
    let base = try makeTemporaryDirectory()
    defer { _ = try? shell("rm -rf \(base)") }
    try shell("mkdir \(base)/store \(base)/mount")
    // A mount whose only descriptor is closed is what a crash leaves.
    close(try KernelMount(at: base + "/mount", source: "crashed").descriptor)
    var status = stat()
    #expect(errorCode { stat(base + "/mount", &status) } == ENOTCONN)
    let fileSystem = try FileSystem(disk: LocalDisk(root: base + "/store"))
    defer { fileSystem.close() }
    let server = try FuseServer(fileSystem: fileSystem, mountPoint: base + "/mount")
    server.start()
    #expect(stat(base + "/mount", &status) == 0)
    server.stop()
    try #expect(!shell("cat /proc/self/mountinfo").contains(base))
  }

  @Test func stoppingEndsAMountThatProgramsStillUse() throws {
    try withMount { store in
      try withFile(store.path("a")) { descriptor in
        try writeAll(descriptor, [1], at: 0)
        store.server.stop()
        #expect(errorCode { fsync(descriptor) } != 0)
      }
      try #expect(!shell("cat /proc/self/mountinfo").contains(store.base))
    }
  }

  @Test func unmountingByHandEndsTheServer() throws {
    try withMount { store in
      try shell("umount \(store.base)/mount")
      store.server.waitUntilUnmounted()
    }
  }

  @Test func theKernelReadsAheadAsFarAsAsked() throws {
    try withMount { store in
      let line = try shell("grep ' \(store.base)/mount ' /proc/self/mountinfo")
      let device = line.split(separator: " ")[2]
      try #expect(shell("cat /sys/class/bdi/\(device)/read_ahead_kb") == "1024\n")
    }
  }
}
