import Foundation
import Glibc
import Linux
import StorageAPI
import Testing

/// The real daemon with a real mount. These need root and /dev/fuse, and fail without.
@Suite(.serialized) struct StorageDaemonTests {
  /// Runs `body` with a daemon of its own, and shows its log when something fails.
  private func withDaemon(_ body: (StorageDaemon) async throws -> Void) async throws {
    try #require(geteuid() == 0, "mounting needs root: run the tests as root")
    let daemon = try StorageDaemon()
    defer { daemon.remove() }
    do {
      try await body(daemon)
    } catch {
      Issue.record("\(error)\n\(daemon.messages)")
    }
  }

  @Test func filesOutliveARestartAndNothingStaysMounted() async throws {
    try await withDaemon { daemon in
      try await daemon.start()
      #expect(daemon.mounts.count == 2)
      // What is mounted says which store it is of.
      #expect(daemon.mounts.allSatisfy { $0.contains(" fuse.cairn \(daemon.directory)/store ") })
      let text = String(repeating: "what a line of text. ", count: 50_000)
      try text.write(toFile: daemon.persistent + "/file", atomically: true, encoding: .utf8)
      let seen = try String(contentsOfFile: daemon.mount + "/storage/file", encoding: .utf8)
      #expect(seen == text)
      let first = try await daemon.stop()
      #expect(first == 0, "\(daemon.messages)")
      #expect(daemon.mounts.isEmpty)
      #expect(!FileManager.default.fileExists(atPath: daemon.directory + "/run/storage.sock"))
      #expect(!FileManager.default.fileExists(atPath: daemon.persistent + "/file"))

      try await daemon.start()
      let again = try String(contentsOfFile: daemon.persistent + "/file", encoding: .utf8)
      #expect(again == text)
      let second = try await daemon.stop(SIGINT)
      #expect(second == 0 && daemon.mounts.isEmpty, "\(daemon.messages)")
    }
  }

  @Test func aSecondDaemonOnTheSameStoreIsRefused() async throws {
    try await withDaemon { daemon in
      try await daemon.start()
      let second = try daemon.spawn()
      try await eventually("the second daemon ends") { !second.isRunning }
      #expect(second.terminationStatus == 1)
      #expect(
        daemon.messages.contains(
          "Another cairnfsd uses the store in \(daemon.directory)/store (process \(daemon.keeper))"))
      try "still here".write(toFile: daemon.persistent + "/file", atomically: true, encoding: .utf8)
      let code = try await daemon.stop()
      #expect(code == 0)
    }
  }

  @Test func programsOutliveAKilledServer() async throws {
    try await withDaemon { daemon in
      try await daemon.start()
      let descriptor = open(daemon.persistent + "/log", O_RDWR | O_CREAT | O_APPEND, 0o644)
      try #require(descriptor >= 0)
      defer { close(descriptor) }
      let writer = Monitor((lines: 0, failure: Int32(0), isDone: false))
      _ = WorkerThread(name: "writer") {
        for number in 0..<2_000 {
          let line = "line \(number)\n"
          let count = write(descriptor, line, line.utf8.count)
          writer.withLock { state in
            if count == line.utf8.count { state.lines += 1 } else { state.failure = errno }
          }
        }
        writer.withLock { $0.isDone = true }
      }
      for _ in 0..<3 {
        try await Task.sleep(for: .milliseconds(50))
        let old = try await daemon.server()
        kill(old, SIGKILL)
        try await eventually("another server answers") { ((try? await daemon.server()) ?? old) != old }
      }
      try await eventually("the writer is done") { writer.withLock { $0.isDone } }
      let (lines, failure, _) = writer.withLock { $0 }
      #expect(lines == 2_000 && failure == 0, "errno \(failure)")
      let expected = (0..<2_000).map { "line \($0)\n" }.joined()
      let text = try String(contentsOfFile: daemon.persistent + "/log", encoding: .utf8)
      #expect(text == expected, "\(text.count) characters instead of \(expected.count)")
      let code = try await daemon.stop()
      #expect(code == 0 && daemon.mounts.isEmpty, "\(daemon.messages)")
    }
  }

  @Test func anUpgradeKeepsTheMount() async throws {
    try await withDaemon { daemon in
      try await daemon.start()
      let descriptor = open(daemon.persistent + "/file", O_RDWR | O_CREAT, 0o644)
      try #require(descriptor >= 0)
      defer { close(descriptor) }
      #expect(write(descriptor, "before", 6) == 6)
      let old = try await daemon.server()
      kill(daemon.keeper, SIGHUP)
      try await eventually("another server answers") { ((try? await daemon.server()) ?? old) != old }
      #expect(write(descriptor, " after", 6) == 6)
      let text = try String(contentsOfFile: daemon.persistent + "/file", encoding: .utf8)
      #expect(text == "before after")
      #expect(daemon.mounts.count == 2)
      close(descriptor)
      let code = try await daemon.stop()
      #expect(code == 0 && daemon.mounts.isEmpty, "\(daemon.messages)")
    }
  }

  @Test func whatIsLeftWhenEverythingWasKilledIsCleanedUpByTheNextStart() async throws {
    try await withDaemon { daemon in
      try await daemon.start()
      try "kept".write(toFile: daemon.persistent + "/file", atomically: true, encoding: .utf8)
      let server = try await daemon.server()
      // The keeper first, or it would start another server.
      kill(daemon.keeper, SIGSTOP)
      kill(server, SIGKILL)
      _ = try await daemon.stop(SIGKILL)
      #expect(daemon.mounts.count == 2)
      try await daemon.start()
      let text = try String(contentsOfFile: daemon.persistent + "/file", encoding: .utf8)
      #expect(text == "kept" && daemon.mounts.count == 2)
      let code = try await daemon.stop()
      #expect(code == 0 && daemon.mounts.isEmpty, "\(daemon.messages)")
    }
  }

  @Test func aServerWhoseKeeperIsKilledStopsCleanly() async throws {
    try await withDaemon { daemon in
      try await daemon.start()
      let server = try await daemon.server()
      _ = try await daemon.stop(SIGKILL)
      try await eventually("the server ends") { kill(server, 0) != 0 }
      #expect(daemon.mounts.isEmpty, "\(daemon.messages)")
    }
  }

  @Test func theCheckpointThreadSleepsWhileNothingChanges() async throws {
    try await withDaemon { daemon in
      try await daemon.start()
      try "1".write(toFile: daemon.persistent + "/file", atomically: true, encoding: .utf8)
      let server = try await daemon.server()
      var before = try wakeUps(ofThread: "checkpoint", in: server)
      // It wakes four times a second while it has something to look after.
      try await eventually("a second without a wake-up") {
        try? await Task.sleep(for: .seconds(1))
        let now = (try? wakeUps(ofThread: "checkpoint", in: server)) ?? -1
        defer { before = now }
        return now == before
      }
      // It is there again for what comes then.
      try "2".write(toFile: daemon.persistent + "/file", atomically: true, encoding: .utf8)
      try await eventually("it looks after the change") {
        ((try? wakeUps(ofThread: "checkpoint", in: server)) ?? 0) > before + 10
      }
    }
  }

  @Test func aDirectoryThatIsNotEmptyIsNotMountedOver() async throws {
    try await withDaemon { daemon in
      try FileManager.default.createDirectory(atPath: daemon.persistent, withIntermediateDirectories: true)
      try "precious".write(toFile: daemon.persistent + "/thesis.txt", atomically: true, encoding: .utf8)
      let process = try daemon.spawn()
      try await eventually("it gives up") { !process.isRunning }
      #expect(process.terminationStatus == 1)
      #expect(daemon.messages.contains("\(daemon.persistent) is not empty: mounting there would hide thesis.txt"))
      #expect(daemon.mounts.isEmpty)
    }
  }

  @Test func aConfigurationWithAnUnknownKeyIsRefusedBeforeAnythingIsTouched() async throws {
    try await withDaemon { daemon in
      let file = daemon.directory + "/cairn.yaml"
      let text = try String(contentsOfFile: file, encoding: .utf8)
      try (text + "\n  persistent_mont: /x\n").write(toFile: file, atomically: true, encoding: .utf8)
      let process = try daemon.spawn()
      try await eventually("it gives up") { !process.isRunning }
      #expect(process.terminationStatus == 1)
      #expect(
        daemon.messages.contains("cairn.yaml:6: there is no key storage.persistent_mont. Is storage.persistent_mount"))
      #expect(!FileManager.default.fileExists(atPath: daemon.directory + "/store"))
    }
  }
}

/// How often threads of a name have waited and been woken.
private func wakeUps(ofThread name: String, in process: pid_t) throws -> Int {
  let tasks = "/proc/\(process)/task"
  return try FileManager.default.contentsOfDirectory(atPath: tasks).reduce(0) { sum, task in
    let status = try String(contentsOfFile: "\(tasks)/\(task)/status", encoding: .utf8).split(separator: "\n")
    guard status.first?.hasSuffix("\t\(name)") == true else { return sum }
    let line = status.first { $0.hasPrefix("voluntary_ctxt_switches:") }
    return sum + (line?.split(separator: "\t").last.flatMap { Int($0) } ?? 0)
  }
}
