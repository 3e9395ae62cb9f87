import FoundationEssentials
import JobStates
import TestSupport
import Testing

@testable import Workspace

@Suite struct GitDirectoryTests {
  private let scratch = TemporaryDirectory()
  private let commit = String(repeating: "0123456789abcdef", count: 3).prefix(40).description

  private func write(_ text: String, _ path: String) throws {
    let path = scratch.path + "/" + path
    let parent = path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(filePath: path))
  }

  @Test func `a branch's commit is found from anywhere in the tree, packed or not`() throws {
    try write("ref: refs/heads/main\n", "r/.git/HEAD")
    try write(
      "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://me:secret@example.com/x.git\n", "r/.git/config")
    try FileManager.default.createDirectory(atPath: scratch.path + "/r/a/b", withIntermediateDirectories: true)
    #expect(GitDirectory.commit(in: scratch.path + "/r/a/b") == nil)
    try write("# pack-refs with: peeled\n\(commit) refs/heads/main\n^\(commit)\n", "r/.git/packed-refs")
    let packed = try #require(GitDirectory.commit(in: scratch.path + "/r/a/b"))
    #expect(packed.commit == commit && packed.branch == "main")
    #expect(packed.repository == "https://example.com/x.git")
    let newer = String(commit.reversed())
    try write(newer + "\n", "r/.git/refs/heads/main")
    #expect(GitDirectory.commit(in: scratch.path + "/r")?.commit == newer)
  }

  @Test func `a commit without a branch, and a worktree`() throws {
    try write(commit, "r/.git/HEAD")
    #expect(GitDirectory.commit(in: scratch.path + "/r") == .init(commit: commit))
    try write("gitdir: ../r/.git/worktrees/w\n", "w/.git")
    try write("ref: refs/heads/side\n", "r/.git/worktrees/w/HEAD")
    try write("../..\n", "r/.git/worktrees/w/commondir")
    try write(commit, "r/.git/refs/heads/side")
    #expect(GitDirectory.commit(in: scratch.path + "/w") == .init(commit: commit, branch: "side"))
  }

  @Test(arguments: ["", "ref: refs/../../etc/passwd", "ref: HEAD", "not a commit", "ref: refs/heads/none"])
  func `what is no commit is none`(head: String) throws {
    try write(head, "r/.git/HEAD")
    #expect(GitDirectory.commit(in: scratch.path + "/r") == nil)
    #expect(GitDirectory.commit(in: scratch.path) == nil)
  }

  @Test(
    arguments: [
      ("[remote \"origin\"]\nurl = git@host:x.git", "git@host:x.git"), ("[remote \"other\"]\nurl = a", nil),
      ("[remote \"origin\"]\npushurl = x\nurl=ssh://u:p@h/x", "ssh://h/x"),
      ("[remote \"origin\"]\n[other]\nurl = x", nil),
    ] as [(String, String?)])
  func `the repository's address has no password in it`(configuration: String, address: String?) {
    #expect(GitDirectory.origin(configuration) == address)
  }
}
