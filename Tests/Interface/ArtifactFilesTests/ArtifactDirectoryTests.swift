import API
import CLinux
import Glibc
import Linux
import Synchronization
import TestSupport
import Testing
import Wire

@testable import ArtifactFiles

/// Of renameat2(2): there is always something at both names.
private let exchange = UInt32(CAIRN_RENAME_EXCHANGE)

/// `cairnd` is root, and reads trees that containers wrote.
@Suite struct ArtifactDirectoryTests {
  private let scratch = TemporaryDirectory()
  private var root: String { scratch.path + "/artifacts" }
  private var artifacts: ArtifactDirectory { ArtifactDirectory(root: root) }

  init() throws {
    try make(directory: "artifacts")
    try make(directory: "outside")
    try make(file: "outside/secret", "secret")
  }

  private func make(directory: String) throws {
    if mkdir(scratch.path + "/" + directory, 0o755) != 0 { throw SystemError("mkdir", directory) }
  }

  private func make(file: String, _ content: String = "x") throws {
    let descriptor = open(scratch.path + "/" + file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw SystemError("open", file) }
    defer { close(descriptor) }
    let bytes = Array(content.utf8)
    if write(descriptor, bytes, bytes.count) != bytes.count { throw SystemError("write", file) }
  }

  private func make(link: String, to target: String) throws {
    if symlink(target, scratch.path + "/" + link) != 0 { throw SystemError("symlink", link) }
  }

  /// The status and code of the refusal; nil where there is none.
  private func refusal(_ body: () throws -> Void) throws -> String? {
    do {
      try body()
      return nil
    } catch let error as APIError {
      return "\(error.status) \(error.code)"
    }
  }

  private func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(scratch.path + "/" + path, &status) == 0
  }

  private func content(_ path: String) async throws -> String {
    let file = try artifacts.open(Array(path.utf8))
    var bytes: [UInt8] = []
    for try await piece in file.pieces(0..<file.size) { bytes += piece }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func aTreeIsListedWithParentsBeforeWhatIsInThem() throws {
    try make(directory: "artifacts/b")
    try make(directory: "artifacts/b/deep")
    try make(file: "artifacts/b/deep/two", "22")
    try make(file: "artifacts/a", "1")
    try make(file: "artifacts/b-", "")
    try make(link: "artifacts/link", to: "b/deep")
    let all = try artifacts.list([], recursive: true)
    #expect(all.map(\.path) == ["a", "b", "b/deep", "b/deep/two", "b-", "link"])
    #expect(all.map(\.size) == [1, 0, 0, 2, 0, 0])
    #expect(all[5].kind == .symbolicLink && all[5].target.map { Array($0) } == Array("b/deep".utf8))
    #expect(try artifacts.list([], recursive: false).map(\.path) == ["a", "b", "b-", "link"])
    #expect(try artifacts.list(Array("b/deep/two".utf8), recursive: true).map(\.path) == ["b/deep/two"])
    // A link within the artifacts may be gone through; its entries are named as they were asked for.
    #expect(try artifacts.list(Array("link".utf8), recursive: true).map(\.path) == ["link/two"])
  }

  @Test func noLinkLeadsOut() async throws {
    try make(link: "artifacts/file", to: "/etc/passwd")
    try make(link: "artifacts/relative", to: "../outside/secret")
    try make(link: "artifacts/directory", to: "/etc")
    try make(link: "artifacts/up", to: "..")
    try make(link: "artifacts/magic", to: "/proc/self/root")
    try make(link: "artifacts/hop", to: "up/outside")
    for path in ["file", "relative", "directory/passwd", "up/outside/secret", "magic/etc/passwd", "hop/secret"] {
      #expect(try refusal { _ = try artifacts.open(Array(path.utf8)) } == "400 invalid", "\(path)")
      #expect(try refusal { _ = try artifacts.list(Array(path.utf8), recursive: true) } == "400 invalid", "\(path)")
    }
    for path in ["relative/", "directory/passwd", "up/outside/secret", "hop/secret"] {
      // The link itself may go, as anything among the artifacts; what it points to may not.
      _ = try refusal { try artifacts.remove(Array(path.utf8)) }
      #expect(exists("outside/secret") && access("/etc/passwd", F_OK) == 0, "\(path)")
    }
    // In a listing they are links and nothing more.
    let kinds = Set(try artifacts.list([], recursive: true).map(\.kind))
    #expect(kinds == [.symbolicLink])
  }

  @Test func linksInACircleAreRefused() throws {
    try make(link: "artifacts/a", to: "b")
    try make(link: "artifacts/b", to: "a")
    #expect(try refusal { _ = try artifacts.open(Array("a".utf8)) } == "400 invalid")
    #expect(try artifacts.list([], recursive: true).count == 2)
  }

  @Test(arguments: [
    "..", "../outside/secret", "a/../../outside/secret", "./..", "/etc/passwd", "//etc", "a/..", "..//",
  ])
  func pathsThatLeadOutAreRefused(path: String) throws {
    try make(directory: "artifacts/a")
    let bytes = Array(path.utf8)
    #expect(try refusal { _ = try artifacts.open(bytes) } == "400 invalid")
    #expect(try refusal { _ = try artifacts.list(bytes, recursive: true) } == "400 invalid")
    #expect(try refusal { try artifacts.remove(bytes) } == "400 invalid")
    #expect(exists("outside/secret") && exists("artifacts/a"))
  }

  @Test func aNULIsRefusedAndNotCutOffAt() throws {
    try make(file: "artifacts/a")
    let path = Array("a\0b".utf8)
    #expect(try refusal { _ = try artifacts.open(path) } == "400 invalid")
    #expect(try refusal { _ = try artifacts.list(path, recursive: false) } == "400 invalid")
    #expect(try refusal { try artifacts.remove(path) } != nil)
    #expect(exists("artifacts/a"))
  }

  @Test func namesThatOnlyLookEncodedAreNames() throws {
    // Percent-encoding is undone once, by the server: what looks like more of it is a file's name.
    for path in ["%2e%2e/secret", "..%2fsecret", "%2e%2e", "\u{FF0E}\u{FF0E}/secret"] {
      #expect(try refusal { _ = try artifacts.open(Array(path.utf8)) } == "404 not_found")
    }
    // An overlong encoding of `/` is two bytes of a name.
    #expect(try refusal { _ = try artifacts.open([0x2E, 0x2E, 0xC0, 0xAF, 0x73]) } == "404 not_found")
  }

  @Test(.timeLimit(.minutes(1))) func whatHasNoContentIsRefusedAtOnce() throws {
    #expect(mkfifo(root + "/fifo", 0o666) == 0)
    #expect(mknod(root + "/null", S_IFCHR | 0o666, 0x0103) == 0, "making a device needs root")
    #expect(mknod(root + "/socket", S_IFSOCK | 0o666, 0) == 0)
    try make(directory: "artifacts/directory")
    for name in ["fifo", "null", "socket", "directory", ""] {
      #expect(try refusal { _ = try artifacts.open(Array(name.utf8)) } == "400 invalid", "\(name)")
    }
    let listed = try artifacts.list([], recursive: true)
    #expect(listed.filter { $0.kind == .other }.map(\.path) == ["fifo", "null", "socket"])
    for name in ["fifo", "null", "socket"] { try artifacts.remove(Array(name.utf8)) }
    #expect(try artifacts.list([], recursive: true).map(\.path) == ["directory"])
  }

  @Test func hugeNamesAreRefused() throws {
    for path in [
      String(repeating: "x", count: 300), String(repeating: "x/", count: 10_000),
      "a/" + String(repeating: "y", count: 70_000),
    ] {
      for refused in [
        try refusal { _ = try artifacts.open(Array(path.utf8)) },
        try refusal { _ = try artifacts.list(Array(path.utf8), recursive: true) },
        try refusal { try artifacts.remove(Array(path.utf8)) },
      ] { #expect(refused == "400 invalid" || refused == "404 not_found") }
    }
  }

  @Test func namesThatAreNotUTF8AreKeptAsBytes() throws {
    let name: [UInt8] = [0x66, 0xFF, 0xFE, 0x0A]
    let descriptor = withCString(Array(root.utf8) + [0x2F] + name) { open($0, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644) }
    #expect(descriptor >= 0)
    close(descriptor)
    #expect(try artifacts.list([], recursive: false).map { Array($0.pathBytes) } == [name])
    #expect(try artifacts.open(name).size == 0)
    try artifacts.remove(name)
    #expect(try artifacts.list([], recursive: false).isEmpty)
  }

  @Test func missingArtifactsAreNotFound() throws {
    for path in ["nothing", "nothing/deeper"] {
      #expect(try refusal { _ = try artifacts.open(Array(path.utf8)) } == "404 not_found")
      #expect(try refusal { _ = try artifacts.list(Array(path.utf8), recursive: true) } == "404 not_found")
      #expect(try refusal { try artifacts.remove(Array(path.utf8)) } == "404 not_found")
    }
    let gone = ArtifactDirectory(root: scratch.path + "/gone")
    #expect(try refusal { _ = try gone.list([], recursive: true) } == "404 not_found")
    #expect(try refusal { try gone.remove(Array("a".utf8)) } == "404 not_found")
  }

  @Test func aDirectoryIsRemovedWithAllThatIsInItAndNothingElse() throws {
    try make(directory: "artifacts/kept")
    try make(directory: "artifacts/d")
    try make(directory: "artifacts/d/e")
    try make(file: "artifacts/d/e/f")
    try make(link: "artifacts/d/out", to: "../../outside")
    try make(link: "artifacts/d/e/kept", to: "../../kept")
    for index in 0..<3_000 { try make(file: "artifacts/d/\(index)") }
    try artifacts.remove(Array("./d/".utf8))
    #expect(!exists("artifacts/d") && exists("artifacts/kept") && exists("outside/secret"))
    for path in ["", ".", "./."] {
      #expect(try refusal { try artifacts.remove(Array(path.utf8)) } == "400 invalid")
    }
    #expect(exists("artifacts/kept"))
  }

  @Test func directoriesOfAnyDepthAreRemovedAndDoNotBreakAList() throws {
    // As deep as a program can make them that goes down step by step: far beyond PATH_MAX.
    var directory = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    for depth in 0..<6_000 {
      // A name at the top that the removal would like to use itself.
      if depth == 0 { #expect(mkdirat(directory, "d", 0o755) == 0 && mkdir(root + "/d/.cairn-removed-1", 0o755) == 0) }
      if depth > 0 { #expect(mkdirat(directory, "d", 0o755) == 0) }
      let next = openat(directory, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      close(directory)
      directory = next
    }
    close(directory)
    // A list says that it cannot go on, and where to look.
    #expect(try refusal { _ = try artifacts.list([], recursive: true) } == "400 invalid")
    #expect(try artifacts.list([], recursive: false).map(\.path) == ["d"])
    try artifacts.remove(Array("d".utf8))
    #expect(try artifacts.list([], recursive: true).isEmpty)
  }

  @Test(.timeLimit(.minutes(1))) func exchangingDirectoriesForLinksMeanwhileLeadsNowhere() throws {
    try make(directory: "artifacts/d")
    try make(file: "artifacts/d/inside")
    try make(link: "artifacts/l", to: "../outside")
    let root = root
    let isOver = Atomic(false)
    withoutActuallyEscaping({ @Sendable () -> Void in
      while !isOver.load(ordering: .relaxed) {
        #expect(cairn_renameat2(AT_FDCWD, root + "/d", AT_FDCWD, root + "/l", exchange) == 0)
      }
    }) { swap in
      let thread = WorkerThread(name: "exchange", swap)
      defer {
        isOver.store(true, ordering: .relaxed)
        thread.join()
      }
      var refused = 0
      for _ in 0..<3_000 {
        do {
          let paths = try artifacts.list([], recursive: true).map(\.path)
          if paths.contains(where: { $0.hasSuffix("secret") }) { Issue.record("\(paths)") }
          _ = try artifacts.list(Array("d".utf8), recursive: true)
          _ = try artifacts.open(Array("d/secret".utf8))
          Issue.record("it got out")
        } catch let error as APIError where [400, 404, 409].contains(error.status) {
          refused += 1
        } catch {
          Issue.record("\(error)")
        }
      }
      #expect(refused == 3_000)
      for _ in 0..<300 { _ = try? artifacts.remove(Array("d/secret".utf8)) }
    }
    #expect(exists("outside/secret"))
  }

  @Test func removingADirectoryThatIsExchangedForALinkRemovesNothingOutside() throws {
    let root = root
    for _ in 0..<200 {
      try make(directory: "artifacts/d")
      try make(directory: "artifacts/d/e")
      for index in 0..<10 { try make(file: "artifacts/d/e/\(index)") }
      try make(link: "artifacts/l", to: "../../outside")
      let thread = WorkerThread(name: "exchange") {
        _ = cairn_renameat2(AT_FDCWD, root + "/d/e", AT_FDCWD, root + "/l", exchange)
      }
      _ = try? artifacts.remove(Array("d".utf8))
      thread.join()
      _ = try? artifacts.remove(Array("d".utf8))
      _ = try? artifacts.remove(Array("l".utf8))
      #expect(exists("outside/secret"))
      #expect(try artifacts.list([], recursive: true).isEmpty)
    }
  }

  @Test func openFilesAreClosed() throws {
    try make(directory: "artifacts/d")
    try make(file: "artifacts/d/f")
    try make(link: "artifacts/out", to: "/etc")
    func round() {
      _ = try? artifacts.list([], recursive: true)
      _ = try? artifacts.open(Array("d/f".utf8))
      _ = try? artifacts.open(Array("d".utf8))
      _ = try? artifacts.open(Array("out/passwd".utf8))
      _ = try? artifacts.remove(Array("d/nothing/f".utf8))
      _ = try? artifacts.remove(Array("d/f/g".utf8))
      _ = try? artifacts.remove(Array("nothing".utf8))
    }
    // Other tests open files at the same time, but not a thousand.
    let before = dup(0)
    for _ in 0..<1_000 { round() }
    let after = dup(0)
    #expect(after - before < 500)
    close(before)
    close(after)
  }

  @Test func aFileThatBecomesShorterIsAnErrorNotAWait() async throws {
    try make(file: "artifacts/f", String(repeating: "x", count: 1_000_000))
    let file = try artifacts.open(Array("f".utf8))
    #expect(file.size == 1_000_000)
    #expect(truncate(root + "/f", 100) == 0)
    await #expect(throws: SystemError.self) { for try await _ in file.pieces(0..<file.size) {} }
    #expect(try await content("f").count == 100)
  }
}
