import Glibc
import Linux
import MountCalls
import Testing

@Suite("Names on the mount", .timeLimit(.minutes(1)))
struct NameTests {
  @Test func aHandleOpensWhatTheKernelHasForgotten() throws {
    try withMount { store in
      try shell("mkdir \(store.path("directory"))")
      try writeFile(store.path("directory/file"), "content")
      func handle(_ name: String) throws -> [UInt8] {
        var handle = [UInt8](repeating: 0, count: Int(CALL_HANDLE_SIZE))
        try check(call_name_to_handle(store.path(name), &handle), "name_to_handle_at", name)
        return handle
      }
      var file = try handle("directory/file")
      var directory = try handle("directory")
      try withFile(store.root, O_RDONLY | O_DIRECTORY) { root in
        for isGone in [false, true] {
          if isGone { try check(unlink(store.path("directory/file")), "unlink", "directory/file") }
          // Directory entries and inodes that nobody uses.
          try writeFile("/proc/sys/vm/drop_caches", "2")
          let found = call_open_by_handle(root, &directory, O_RDONLY | O_DIRECTORY)
          #expect(found >= 0, "\(SystemError("open_by_handle_at", "directory"))")
          close(found)
          if isGone {
            // It lives until the kernel has told that it forgot it, for which it takes its time.
            var code: Int32 = 0
            for _ in 0..<200 {
              code = errorCode {
                let descriptor = call_open_by_handle(root, &file, O_RDONLY)
                if descriptor >= 0 { close(descriptor) }
                return descriptor
              }
              if code != 0 { break }
              usleep(50_000)
              try writeFile("/proc/sys/vm/drop_caches", "2")
            }
            #expect(code == ESTALE)
          } else {
            let descriptor = try check(call_open_by_handle(root, &file, O_RDONLY), "open_by_handle_at", "file")
            defer { close(descriptor) }
            try #expect(readRange(descriptor, at: 0, count: 100) == Array("content".utf8))
          }
        }
      }
    }
  }

  @Test func aFileMadeIsFoundListedAndRemoved() throws {
    try withMount { store in
      try writeFile(store.path("a"), "hello")
      try #expect(text(store.path("a")) == "hello")
      try #expect(names(store.root) == ["a"])
      #expect(unlink(store.path("a")) == 0)
      try #expect(names(store.root) == [])
      #expect(openError(store.path("a"), O_RDONLY) == ENOENT)
    }
  }

  @Test func aNameThatWasAbsentIsFoundOnceItIsMade() throws {
    try withMount { store in
      // The kernel remembers the absence, and must forget it.
      #expect(errorCode { access(store.path("later"), F_OK) } == ENOENT)
      try writeFile(store.path("later"), "")
      #expect(access(store.path("later"), F_OK) == 0)
      #expect(rename(store.path("later"), store.path("moved")) == 0)
      #expect(errorCode { access(store.path("later"), F_OK) } == ENOENT)
      #expect(access(store.path("moved"), F_OK) == 0)
    }
  }

  @Test func exclusiveCreationFailsWhereTheNameExists() throws {
    try withMount { store in
      try writeFile(store.path("a"), "kept")
      #expect(openError(store.path("a"), O_CREAT | O_EXCL | O_WRONLY, 0o644) == EEXIST)
      #expect(errorCode { mkdir(store.path("a"), 0o755) } == EEXIST)
      #expect(errorCode { symlink("x", store.path("a")) } == EEXIST)
      try #expect(text(store.path("a")) == "kept")
    }
  }

  @Test func aFileMadeReadOnlyCanBeWrittenByItsMaker() throws {
    try withMount { store in
      let path = store.path("a")
      let wrote = asUser(1000) { () -> Int in
        let descriptor = open(path, O_CREAT | O_WRONLY, 0o444)
        defer { close(descriptor) }
        return write(descriptor, "x", 1)
      }
      #expect(wrote == 1)
      try #expect(permissions(path) == 0o444)
      try #expect(status(path).st_uid == 1000)
    }
  }

  @Test func directoriesAreRemovedOnlyWhenEmpty() throws {
    try withMount { store in
      #expect(mkdir(store.path("d"), 0o755) == 0)
      #expect(mkdir(store.path("d/e"), 0o755) == 0)
      try #expect(status(store.path("d")).st_nlink == 3)
      #expect(errorCode { rmdir(store.path("d")) } == ENOTEMPTY)
      #expect(errorCode { unlink(store.path("d")) } == EISDIR)
      #expect(rmdir(store.path("d/e")) == 0)
      try #expect(status(store.path("d")).st_nlink == 2)
      #expect(rmdir(store.path("d")) == 0)
      try writeFile(store.path("f"), "")
      #expect(errorCode { rmdir(store.path("f")) } == ENOTDIR)
    }
  }

  @Test func namesOf255BytesWorkAndOf256AreRefused() throws {
    try withMount { store in
      let longest = String(repeating: "n", count: 255)
      try writeFile(store.path(longest), "x")
      try #expect(names(store.root) == [longest])
      #expect(openError(store.path(longest + "n"), O_CREAT | O_WRONLY, 0o644) == ENAMETOOLONG)
      #expect(errorCode { mkdir(store.path(longest + "n"), 0o755) } == ENAMETOOLONG)
      #expect(errorCode { rename(store.path(longest), store.path(longest + "n")) } == ENAMETOOLONG)
      #expect(errorCode { access(store.path(longest + "n"), F_OK) } == ENAMETOOLONG)
    }
  }

  @Test func namesNeedNotBeUTF8() throws {
    try withMount { store in
      let name: [CChar] = Array((store.root + "/").utf8CString.dropLast()) + [-1, -2, 0x41, 0]
      #expect(mkdir(name, 0o755) == 0)
      var status = stat()
      #expect(lstat(name, &status) == 0)
      try #expect(shell("ls \(store.root) | od -An -tx1").contains("ff fe 41"))
      #expect(rmdir(name) == 0)
    }
  }

  @Test func pathsOf4095BytesWork() throws {
    try withMount { store in
      // Beyond PATH_MAX counted from the root, so made step by step.
      var path = store.root
      while path.utf8.count < 4095 - 202 {
        path += "/" + String(repeating: "d", count: 200)
        try #require(mkdir(path, 0o755) == 0)
      }
      path += "/" + String(repeating: "f", count: 4095 - path.utf8.count - 1)
      #expect(path.utf8.count == 4095)
      try writeFile(path, "deep")
      try #expect(text(path) == "deep")
      #expect(openError(path + "x", O_CREAT | O_WRONLY, 0o644) == ENAMETOOLONG)
      try shell("rm -r \(store.root)/d*")
    }
  }
}
