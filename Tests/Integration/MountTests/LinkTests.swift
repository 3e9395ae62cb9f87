import Glibc
import MountCalls
import Testing

@Suite("Links, unnamed files and files without a name left", .timeLimit(.minutes(1)))
struct LinkTests {
  @Test func hardLinksShareAnInode() throws {
    try withMount { store in
      try writeFile(store.path("a"), "one")
      #expect(link(store.path("a"), store.path("b")) == 0)
      try #expect(status(store.path("a")).st_ino == status(store.path("b")).st_ino)
      try #expect(status(store.path("a")).st_nlink == 2)
      try writeFile(store.path("b"), "two")
      try #expect(text(store.path("a")) == "two")
      #expect(unlink(store.path("a")) == 0)
      try #expect(status(store.path("b")).st_nlink == 1)
      try #expect(text(store.path("b")) == "two")
      #expect(errorCode { link(store.path("b"), store.path("b")) } == EEXIST)
      #expect(mkdir(store.path("d"), 0o755) == 0)
      #expect(errorCode { link(store.path("d"), store.path("e")) } == EPERM)
    }
  }

  @Test func symbolicLinksHoldUpTo4095Bytes() throws {
    try withMount { store in
      for length in [1, 100, 4095] {
        let target = String(repeating: "t", count: length)
        let path = store.path("s\(length)")
        #expect(symlink(target, path) == 0)
        var buffer = [CChar](repeating: 0, count: 8192)
        // Twice: the second answer comes from the kernel's cache.
        for _ in 0..<2 { #expect(readlink(path, &buffer, buffer.count) == length) }
        try #expect(status(path).st_size == off_t(length))
        try #expect(status(path).st_mode == S_IFLNK | 0o777)
      }
    }
  }

  @Test func anUnlinkedFileLivesAsLongAsItIsOpen() throws {
    try withMount { store in
      let content = noise(300_000)
      try withFile(store.path("a")) { descriptor in
        try writeAll(descriptor, content, at: 0)
        #expect(unlink(store.path("a")) == 0)
        try #expect(status(descriptor).st_nlink == 0)
        try #expect(readRange(descriptor, at: 0, count: content.count) == content)
        try writeAll(descriptor, Array("more".utf8), at: content.count)
        try #expect(status(descriptor).st_size == off_t(content.count + 4))
        #expect(fsync(descriptor) == 0)
        #expect(ftruncate(descriptor, 5) == 0)
        try #expect(readRange(descriptor, at: 0, count: 10) == Array(content[..<5]))
        #expect(fchmod(descriptor, 0o600) == 0)
      }
      try #expect(names(store.root) == [])
    }
  }

  @Test func anOverwrittenFileLivesAsLongAsItIsOpen() throws {
    try withMount { store in
      try writeFile(store.path("old"), "old content")
      try writeFile(store.path("new"), "new content")
      try withFile(store.path("old"), O_RDWR) { descriptor in
        #expect(rename(store.path("new"), store.path("old")) == 0)
        try #expect(readRange(descriptor, at: 0, count: 100) == Array("old content".utf8))
        try writeAll(descriptor, Array("OLD".utf8), at: 0)
      }
      try #expect(text(store.path("old")) == "new content")
    }
  }

  @Test func aFileMadeUnnamedCanBeGivenAName() throws {
    try withMount { store in
      try withFile(store.root, Int32(CALL_O_TMPFILE) | O_RDWR, 0o640) { descriptor in
        try writeAll(descriptor, Array("unnamed".utf8), at: 0)
        try #expect(status(descriptor).st_nlink == 0)
        try #expect(names(store.root) == [])
        let code = errorCode {
          linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", AT_FDCWD, store.path("named"), AT_SYMLINK_FOLLOW)
        }
        #expect(code == 0)
        try #expect(status(descriptor).st_nlink == 1)
      }
      try #expect(text(store.path("named")) == "unnamed")
      try #expect(permissions(store.path("named")) == 0o640)
    }
  }

  @Test func aFileMadeUnnamedVanishesWhenItIsClosed() throws {
    try withMount { store in
      try withFile(store.root, Int32(CALL_O_TMPFILE) | O_RDWR, 0o600) { descriptor in
        try writeAll(descriptor, noise(100_000), at: 0)
      }
      try withFile(store.root, Int32(CALL_O_TMPFILE) | O_RDWR | O_EXCL, 0o600) { descriptor in
        let code = errorCode {
          linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", AT_FDCWD, store.path("named"), AT_SYMLINK_FOLLOW)
        }
        #expect(code == ENOENT)
      }
      try #expect(names(store.root) == [])
    }
  }
}
