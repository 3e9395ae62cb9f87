import Glibc
import Linux
import Testing

/// A mount whose server runs in processes of its own: a keeper, and the server that it starts.
private final class KeptMount {
  let base: String
  let root: String
  private let keeper: pid_t

  init() throws {
    base = try makeTemporaryDirectory()
    try shell("mkdir \(base)/store \(base)/mount")
    root = base + "/mount/storage"
    keeper = try spawnServer(["keep", base + "/store", base + "/mount"], nil)
    _ = try server(after: nil)
  }

  /// The process that serves, once it is another than `old`.
  func server(after old: pid_t?) throws -> pid_t {
    for _ in 0..<500 {
      if let identifier = try? text(base + "/server.pid"), let process = pid_t(identifier), process != old {
        return process
      }
      usleep(20_000)
    }
    throw TestFailure("No server came up within 10 s.")
  }

  func signal(_ number: Int32) { kill(keeper, number) }

  /// Ends the keeper and returns its exit code, or -1 where a signal ended it.
  func end() -> Int32 {
    kill(keeper, SIGTERM)
    var status: Int32 = 0
    waitpid(keeper, &status, 0)
    let isMounted = (try? shell("grep -q \(base)/mount /proc/self/mountinfo")) != nil
    if isMounted { umount2(base + "/mount", Int32(MNT_DETACH)) }
    _ = try? shell("rm -rf \(base)")
    if isMounted { return -2 }
    return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
  }
}

@Suite("Taking over a mount", .timeLimit(.minutes(3)))
struct TakeoverTests {
  @Test func aProgramGoesOnWhenTheServerIsKilled() throws {
    let mount = try KeptMount()
    defer { #expect(mount.end() == 0) }
    let path = mount.root + "/log"
    try withFile(path, O_RDWR | O_CREAT | O_APPEND) { descriptor in
      var server = try mount.server(after: nil)
      for round in 0..<3 {
        for index in 0..<200 {
          let line = Array("\(round * 200 + index)\n".utf8)
          let count = write(descriptor, line, line.count)
          #expect(count == line.count, "\(SystemError("write", path))")
          if index == 100 { kill(server, SIGKILL) }
        }
        server = try mount.server(after: server)
      }
      #expect(fsync(descriptor) == 0)
    }
    try #expect(text(path) == (0..<600).map { "\($0)\n" }.joined())
  }

  @Test func everyChangeIsCarriedOutOnceThoughTheServerIsKilledInItsMidst() throws {
    let mount = try KeptMount()
    defer { #expect(mount.end() == 0) }
    let root = mount.root
    let failures = Monitor<[String]>([])
    let worker = WorkerThread(name: "changes") {
      for index in 0..<2000 {
        let name = root + "/f\(index)"
        func expect(_ call: String, _ result: Int32) {
          if result != 0 { failures.withLock { $0.append("\(call) \(index): errno \(errno)") } }
        }
        expect("mkdir", mkdir(name, 0o755))
        expect("rename", rename(name, name + "r"))
        expect("link", mknod(name, S_IFREG | 0o644, 0))
        expect("link", link(name, name + "l"))
        expect("unlink", unlink(name))
        expect("rmdir", rmdir(name + "r"))
      }
    }
    var server = try mount.server(after: nil)
    for _ in 0..<4 {
      usleep(150_000)
      kill(server, SIGKILL)
      server = try mount.server(after: server)
    }
    worker.join()
    #expect(failures.withLock { $0 } == [])
    try #expect(names(root) == (0..<2000).map { "f\($0)l" }.sorted())
  }

  @Test func anUpgradeLeavesProgramsUndisturbed() throws {
    let mount = try KeptMount()
    defer { #expect(mount.end() == 0) }
    try writeFile(mount.root + "/a", noise(1_000_000))
    try withFile(mount.root + "/a", O_RDWR) { descriptor in
      let server = try mount.server(after: nil)
      #expect(unlink(mount.root + "/a") == 0)
      mount.signal(SIGHUP)
      _ = try mount.server(after: server)
      #expect(posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0)
      try #expect(readRange(descriptor, at: 0, count: 1_000_000) == noise(1_000_000))
      try writeAll(descriptor, [7], at: 10)
    }
    try #expect(names(mount.root) == [])
  }
}
