import Fuse
import Glibc
import Linux
import Testing

@Suite("Mounting and unmounting", .timeLimit(.minutes(1)))
struct MountPointTests {
  @Test func aMountPointInUseIsRefused() throws {
    try withMount { store in
      let error = #expect(throws: FuseError.self) {
        _ = try KernelMount(at: store.base + "/mount", source: "second")
      }
      #expect(error?.code == .busy)
      try #expect(names(store.root) == [])
    }
  }

  @Test func aMissingMountPointIsNamedInTheError() throws {
    try withMount { store in
      let error = #expect(throws: FuseError.self) {
        _ = try KernelMount(at: store.base + "/none", source: "second")
      }
      #expect(error?.code == .badMountPoint)
      #expect(error?.message.contains(store.base + "/none") == true)
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
    let store = try MountedStore(base: base)
    #expect(stat(base + "/mount", &status) == 0)
    store.close()
    try #expect(!shell("cat /proc/self/mountinfo").contains(base))
  }

  @Test func stoppingEndsAMountThatProgramsStillUse() throws {
    try withMount { store in
      try withFile(store.path("a")) { descriptor in
        try writeAll(descriptor, [1], at: 0)
        try #expect(store.command("stop") == "stopped")
        #expect(errorCode { fsync(descriptor) } != 0)
      }
      try #expect(!shell("cat /proc/self/mountinfo").contains(store.base))
    }
  }

  @Test func unmountingByHandEndsTheServer() throws {
    try withMount { store in
      try shell("umount \(store.base)/mount")
      try #expect(store.command("wait") == "unmounted")
    }
  }

  @Test func theKernelReadsAheadAsFarAsAsked() throws {
    try withMount { store in
      let line = try shell("grep ' \(store.base)/mount ' /proc/self/mountinfo")
      let device = line.split(separator: " ")[2]
      try #expect(shell("cat /sys/class/bdi/\(device)/read_ahead_kb") == "2048\n")
    }
  }
}
