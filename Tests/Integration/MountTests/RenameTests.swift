import CLinux
import Glibc
import Testing

@Suite("Renaming", .timeLimit(.minutes(1)))
struct RenameTests {
  private func rename2(_ from: String, _ to: String, _ flags: Int) -> Int32 {
    errorCode { cairn_renameat2(AT_FDCWD, from, AT_FDCWD, to, UInt32(flags)) }
  }

  @Test func aFileMovesOverAnother() throws {
    try withMount { store in
      try writeFile(store.path("a"), "a")
      try writeFile(store.path("b"), "b")
      #expect(mkdir(store.path("d"), 0o755) == 0)
      #expect(rename(store.path("a"), store.path("b")) == 0)
      try #expect(text(store.path("b")) == "a")
      #expect(rename(store.path("b"), store.path("d/c")) == 0)
      try #expect(names(store.root) == ["d"])
      try #expect(text(store.path("d/c")) == "a")
    }
  }

  @Test func onlyLikeReplacesLike() throws {
    try withMount { store in
      try writeFile(store.path("f"), "")
      #expect(mkdir(store.path("d"), 0o755) == 0)
      #expect(mkdir(store.path("full"), 0o755) == 0)
      try writeFile(store.path("full/x"), "")
      #expect(errorCode { rename(store.path("f"), store.path("d")) } == EISDIR)
      #expect(errorCode { rename(store.path("d"), store.path("f")) } == ENOTDIR)
      #expect(errorCode { rename(store.path("d"), store.path("full")) } == ENOTEMPTY)
      #expect(errorCode { rename(store.path("full"), store.path("full/in")) } == EINVAL)
      #expect(rename(store.path("full"), store.path("d")) == 0)
      try #expect(names(store.path("d")) == ["x"])
    }
  }

  @Test func aDirectoryThatMovesTakesItsParentAlong() throws {
    try withMount { store in
      #expect(mkdir(store.path("a"), 0o755) == 0)
      #expect(mkdir(store.path("b"), 0o755) == 0)
      #expect(mkdir(store.path("a/d"), 0o755) == 0)
      #expect(rename(store.path("a/d"), store.path("b/d")) == 0)
      try #expect(status(store.path("a")).st_nlink == 2)
      try #expect(status(store.path("b")).st_nlink == 3)
      try #expect(status(store.path("b/d/..")).st_ino == status(store.path("b")).st_ino)
      let listed = try shell("ls -ai \(store.path("b/d"))")
      #expect(listed.contains("\(try status(store.path("b")).st_ino) .."))
    }
  }

  @Test func renamingBetweenTwoNamesOfOneFileChangesNothing() throws {
    try withMount { store in
      try writeFile(store.path("a"), "x")
      #expect(link(store.path("a"), store.path("b")) == 0)
      #expect(rename(store.path("a"), store.path("b")) == 0)
      try #expect(names(store.root) == ["a", "b"])
    }
  }

  @Test func noReplaceRefusesToReplace() throws {
    try withMount { store in
      try writeFile(store.path("a"), "a")
      try writeFile(store.path("b"), "b")
      #expect(rename2(store.path("a"), store.path("b"), CAIRN_RENAME_NOREPLACE) == EEXIST)
      try #expect(text(store.path("b")) == "b")
      #expect(rename2(store.path("a"), store.path("c"), CAIRN_RENAME_NOREPLACE) == 0)
      try #expect(names(store.root) == ["b", "c"])
    }
  }

  @Test func exchangeSwapsAFileAndADirectory() throws {
    try withMount { store in
      try writeFile(store.path("f"), "file")
      #expect(mkdir(store.path("d"), 0o755) == 0)
      #expect(mkdir(store.path("d/sub"), 0o755) == 0)
      #expect(mkdir(store.path("other"), 0o755) == 0)
      try writeFile(store.path("other/g"), "g")
      #expect(rename2(store.path("f"), store.path("d"), CAIRN_RENAME_EXCHANGE) == 0)
      try #expect(text(store.path("d")) == "file")
      try #expect(names(store.path("f")) == ["sub"])
      #expect(rename2(store.path("f"), store.path("other/g"), CAIRN_RENAME_EXCHANGE) == 0)
      try #expect(text(store.path("f")) == "g")
      try #expect(names(store.path("other/g")) == ["sub"])
      try #expect(status(store.path("other")).st_nlink == 3)
      #expect(rename2(store.path("f"), store.path("none"), CAIRN_RENAME_EXCHANGE) == ENOENT)
    }
  }

  @Test func whiteoutLeavesACharacterDeviceOfNumberZero() throws {
    try withMount { store in
      try writeFile(store.path("a"), "a")
      #expect(rename2(store.path("a"), store.path("b"), CAIRN_RENAME_WHITEOUT) == 0)
      try #expect(text(store.path("b")) == "a")
      let left = try status(store.path("a"))
      #expect(left.st_mode & S_IFMT == S_IFCHR)
      #expect(left.st_rdev == 0)
    }
  }
}
