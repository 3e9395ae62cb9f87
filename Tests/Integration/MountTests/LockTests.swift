import Glibc
import MountCalls
import Testing

@Suite("Locks", .timeLimit(.minutes(1)))
struct LockTests {
  private func lock(_ type: Int32, _ start: Int, _ length: Int) -> Glibc.flock {
    var lock = Glibc.flock()
    lock.l_type = Int16(type)
    lock.l_whence = Int16(SEEK_SET)
    lock.l_start = off_t(start)
    lock.l_len = off_t(length)
    return lock
  }

  @Test func wholeFileLocksExcludeEachOther() throws {
    try withMount { store in
      try writeFile(store.path("a"), "x")
      try withFile(store.path("a"), O_RDWR) { one in
        try withFile(store.path("a"), O_RDWR) { two in
          #expect(flock(one, LOCK_EX) == 0)
          #expect(errorCode { flock(two, LOCK_EX | LOCK_NB) } == EWOULDBLOCK)
          #expect(errorCode { flock(two, LOCK_SH | LOCK_NB) } == EWOULDBLOCK)
          #expect(flock(one, LOCK_UN) == 0)
          #expect(flock(two, LOCK_EX | LOCK_NB) == 0)
        }
        #expect(flock(one, LOCK_EX | LOCK_NB) == 0)
      }
    }
  }

  @Test func rangeLocksOfOpenFilesExcludeEachOther() throws {
    try withMount { store in
      try writeFile(store.path("a"), noise(1000))
      try withFile(store.path("a"), O_RDWR) { one in
        try withFile(store.path("a"), O_RDWR) { two in
          var first = lock(F_WRLCK, 0, 100)
          #expect(fcntl(one, Int32(CALL_F_OFD_SETLK), &first) == 0)
          var overlapping = lock(F_RDLCK, 50, 100)
          #expect(errorCode { fcntl(two, Int32(CALL_F_OFD_SETLK), &overlapping) } == EAGAIN)
          var beside = lock(F_WRLCK, 100, 100)
          #expect(fcntl(two, Int32(CALL_F_OFD_SETLK), &beside) == 0)
        }
      }
    }
  }

  @Test func rangeLocksOfProcessesExcludeEachOther() throws {
    try withMount { store in
      let path = store.path("a")
      try writeFile(path, noise(1000))
      try withFile(path, O_RDWR) { descriptor in
        var mine = lock(F_WRLCK, 0, 10)
        #expect(fcntl(descriptor, F_SETLK, &mine) == 0)
        try #expect(shell(LockTests.tryLock(path)) == "refused\n")
        var none = lock(F_UNLCK, 0, 10)
        #expect(fcntl(descriptor, F_SETLK, &none) == 0)
        try #expect(shell(LockTests.tryLock(path)) == "locked\n")
      }
    }
  }

  /// Another process that tries fcntl(F_SETLK). Perl is part of Debian's base system.
  private static func tryLock(_ path: String) -> String {
    "perl -MFcntl -e 'open(F, \"+<\", \"\(path)\"); $l = pack(\"s s x4 q q i x4\", F_WRLCK, 0, 0, 10, 0); "
      + "print fcntl(F, F_SETLK, $l) ? \"locked\\n\" : \"refused\\n\"'"
  }
}
