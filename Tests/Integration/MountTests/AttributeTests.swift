import CLinux
import Glibc
import MountCalls
import Testing

@Suite("Attributes", .timeLimit(.minutes(1)))
struct AttributeTests {
  // UTIME_NOW and UTIME_OMIT, macros that Swift does not see.
  private static let now = (1 << 30) - 1
  private static let omit = (1 << 30) - 2

  @Test func modeOwnerAndTimesAreKept() throws {
    try withMount { store in
      let path = store.path("a")
      try writeFile(path, "x")
      #expect(chmod(path, 0o7641) == 0)
      try #expect(permissions(path) == 0o7641)
      #expect(chown(path, 1234, 5678) == 0)
      try #expect(status(path).st_uid == 1234)
      try #expect(status(path).st_gid == 5678)
      let times = [timespec(tv_sec: 1_000_000_000, tv_nsec: 123_456_789), timespec(tv_sec: -5, tv_nsec: 999_999_999)]
      #expect(utimensat(AT_FDCWD, path, times, 0) == 0)
      let result = try status(path)
      #expect(result.st_atim.tv_sec == 1_000_000_000 && result.st_atim.tv_nsec == 123_456_789)
      #expect(result.st_mtim.tv_sec == -5 && result.st_mtim.tv_nsec == 999_999_999)
    }
  }

  @Test func aTimeMayBeLeftOrSetToNow() throws {
    try withMount { store in
      let path = store.path("a")
      try writeFile(path, "x")
      let before = try status(path).st_mtim
      let times = [timespec(tv_sec: 0, tv_nsec: AttributeTests.now), timespec(tv_sec: 0, tv_nsec: AttributeTests.omit)]
      #expect(utimensat(AT_FDCWD, path, times, 0) == 0)
      let result = try status(path)
      #expect(result.st_mtim.tv_sec == before.tv_sec && result.st_mtim.tv_nsec == before.tv_nsec)
      #expect(abs(result.st_atim.tv_sec - time(nil)) < 30)
    }
  }

  @Test func writingMovesModificationAndChangeTimes() throws {
    try withMount { store in
      let path = store.path("a")
      try writeFile(path, "x")
      let times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
      #expect(utimensat(AT_FDCWD, path, times, 0) == 0)
      try #expect(status(path).st_mtim.tv_sec == 1000)
      try withFile(path, O_WRONLY) { try writeAll($0, [1], at: 0) }
      try #expect(status(path).st_mtim.tv_sec > 1000)
      let directory = try status(store.root).st_mtim
      usleep(20_000)
      try writeFile(store.path("b"), "")
      let later = try status(store.root).st_mtim
      #expect((later.tv_sec, later.tv_nsec) > (directory.tv_sec, directory.tv_nsec))
    }
  }

  @Test func statxTellsTheTimeOfBirth() throws {
    try withMount { store in
      let before = Int64(time(nil)) - 1
      try writeFile(store.path("a"), "x")
      let birth = call_birth(store.path("a"))
      #expect(birth > before * 1_000_000_000)
      #expect(birth < (before + 60) * 1_000_000_000)
      let times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
      #expect(utimensat(AT_FDCWD, store.path("a"), times, 0) == 0)
      #expect(rename(store.path("a"), store.path("b")) == 0)
      #expect(call_birth(store.path("b")) == birth)
    }
  }

  @Test func permissionsAreCheckedForOthers() throws {
    try withMount { store in
      let path = store.path("secret")
      try writeFile(path, "x")
      #expect(chmod(path, 0o600) == 0)
      #expect(asUser(1000) { openError(path, O_RDONLY) } == EACCES)
      #expect(asUser(1000) { errorCode { chmod(path, 0o777) } } == EPERM)
      let directory = store.path("d")
      #expect(mkdir(directory, 0o755) == 0)
      #expect(asUser(1000) { openError(directory + "/x", O_CREAT | O_WRONLY, 0o644) } == EACCES)
      #expect(chmod(directory, 0o1777) == 0)
      try writeFile(directory + "/mine", "")
      #expect(asUser(1000) { errorCode { unlink(directory + "/mine") } } == EPERM)
    }
  }

  @Test func writingByOthersClearsSetUserAndSetGroupID() throws {
    try withMount { store in
      let path = store.path("a")
      try writeFile(path, "program")
      func prepare(_ mode: mode_t) throws {
        try check(chown(path, 1000, 1000), "chown", path)
        try check(chmod(path, mode), "chmod", path)
      }
      let write: @Sendable () -> Int = {
        let descriptor = open(path, O_WRONLY)
        defer { close(descriptor) }
        return pwrite(descriptor, "x", 1, 0)
      }
      try prepare(0o6777)
      #expect(asUser(1000, write) == 1)
      try #expect(permissions(path) == 0o777)
      // Without execution for the group the bit means mandatory locking, and stays.
      try prepare(0o2766)
      #expect(asUser(1000, write) == 1)
      try #expect(permissions(path) == 0o2766)
      try prepare(0o6777)
      #expect(write() == 1)
      try #expect(permissions(path) == 0o6777)
      try prepare(0o6777)
      #expect(asUser(1000) { truncate(path, 3) } == 0)
      try #expect(permissions(path) == 0o777)
      try prepare(0o6777)
      #expect(chown(path, 2000, 2000) == 0)
      try #expect(permissions(path) == 0o777)
    }
  }

  @Test func theKernelLearnsThatSetUserIDIsGoneEvenIfItAsksForNothingElse() throws {
    try withMount { store in
      let path = store.path("program")
      try writeFile(path, [UInt8](repeating: 7, count: 100_000))
      let source = store.path("source")
      try writeFile(source, [UInt8](repeating: 8, count: 100_000))
      try check(chown(path, 1000, 1000), "chown", path)
      func mode(after mode: mode_t, _ change: @escaping @Sendable (Int32) -> Int32, by user: UInt32) throws -> Int32 {
        try check(chmod(path, mode), "chmod", path)
        #expect(call_mode(path) == Int32(S_IFREG | mode))
        let failure = asUser(user) { () -> Int32 in
          let descriptor = open(path, O_RDWR)
          defer { close(descriptor) }
          return errorCode { change(descriptor) }
        }
        #expect(failure == 0)
        return call_mode(path) & 0o7777
      }
      let changes: [@Sendable (Int32) -> Int32] = [
        { Int32(pwrite($0, "x", 1, 0)) },
        { cairn_fallocate($0, 0, 50_000, 100_000) },
        { cairn_fallocate($0, Int32(CAIRN_FALLOC_PUNCH_HOLE | CAIRN_FALLOC_KEEP_SIZE), 5000, 9000) },
        { cairn_fallocate($0, Int32(CAIRN_FALLOC_ZERO_RANGE), 50_000, 100_000) },
        { destination in
          let from = open(source, O_RDONLY)
          defer { close(from) }
          return Int32(call_copy_file_range(from, 0, destination, 0, 50_000))
        },
      ]
      for change in changes {
        try #expect(mode(after: 0o6777, change, by: 1000) == 0o777)
        try #expect(mode(after: 0o2777, change, by: 1000) == 0o777)
        try #expect(mode(after: 0o6767, change, by: 1000) == 0o2767)
        try #expect(mode(after: 0o6777, change, by: 0) == 0o6777)
      }
      // By others than the file's group, set-group-ID goes even without execution for the group.
      for change in changes.dropFirst() { try #expect(mode(after: 0o6767, change, by: 1001) == 0o767) }
    }
  }

  @Test func aSetGroupIDDirectoryPassesItsGroupOn() throws {
    try withMount { store in
      let directory = store.path("d")
      #expect(mkdir(directory, 0o777) == 0)
      #expect(chown(directory, 0, 4321) == 0)
      #expect(chmod(directory, 0o2777) == 0)
      try writeFile(directory + "/f", "")
      #expect(mkdir(directory + "/e", 0o755) == 0)
      try #expect(status(directory + "/f").st_gid == 4321)
      try #expect(status(directory + "/e").st_gid == 4321)
      try #expect(permissions(directory + "/e") == 0o2755)
    }
  }

  @Test func theSpaceShownIsFinite() throws {
    try withMount { store in
      var space = statvfs()
      #expect(statvfs(store.root, &space) == 0)
      #expect(space.f_blocks > 0 && space.f_bavail > 0 && space.f_bavail <= space.f_blocks)
      #expect(space.f_files > 0)
      #expect(space.f_namemax == 255)
    }
  }
}
