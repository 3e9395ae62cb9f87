import Foundation
import Glibc
import Linux
import StorageAPI
import Testing

/// A server that was killed, and whose successor can't read the store at first.
@Suite(.serialized) struct TakeoverTests {
  /// A daemon whose store has packs, and a file of its mount that is open.
  private func withDaemon(_ arguments: [String], _ body: (StorageDaemon, Int32) async throws -> Void) async throws {
    try #require(geteuid() == 0, "mounting needs root: run the tests as root")
    let daemon = try StorageDaemon()
    defer { daemon.remove() }
    daemon.arguments = arguments
    do {
      try await daemon.start()
      let descriptor = open(daemon.persistent + "/file", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
      try #require(descriptor >= 0)
      defer { close(descriptor) }
      let text = (0..<20_000).map { "line \($0)\n" }.joined()
      #expect(Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count)
      try await daemon.client.synchronize()
      try await body(daemon, descriptor)
    } catch {
      Issue.record("\(error)\n\(daemon.messages)")
    }
  }

  /// A write of one byte, on a thread of its own: it waits as long as nobody serves. 0 or an errno once it is done.
  private func writeByte(to descriptor: Int32) -> Monitor<Int32?> {
    let result = Monitor<Int32?>(nil)
    _ = WorkerThread(name: "writer") {
      let code = Glibc.write(descriptor, "x", 1) == 1 ? 0 : errno
      result.withLock { $0 = code }
    }
    return result
  }

  private func failures(_ daemon: StorageDaemon) -> Int {
    daemon.messages.components(separatedBy: "could not take over").count - 1
  }

  @Test func programsWaitWhileTheStoreCantBeReadForAMoment() async throws {
    try await withDaemon([]) { daemon, descriptor in
      let old = try await daemon.server()
      let catalog = daemon.store + "/catalog.db"
      #expect(rename(catalog, catalog + ".away") == 0)
      kill(old, SIGKILL)
      let result = writeByte(to: descriptor)
      try await eventually("two servers have tried in vain") { failures(daemon) >= 2 }
      #expect(result.withLock { $0 } == nil && daemon.mounts.count == 2)
      #expect(rename(catalog + ".away", catalog) == 0)
      try await eventually("the write is done") { result.withLock { $0 } != nil }
      #expect(result.withLock { $0 } == 0)
      try await eventually("another server answers") { ((try? await daemon.server()) ?? old) != old }
      let text = try String(contentsOfFile: daemon.persistent + "/file", encoding: .utf8)
      #expect(text.hasSuffix("line 19999\nx"))
      close(descriptor)
      let code = try await daemon.stop()
      #expect(code == 0 && daemon.mounts.isEmpty, "\(daemon.messages)")
    }
  }

  @Test func aStoreThatStaysUnreadableGivesTheMountUpInTheEnd() async throws {
    try await withDaemon(["--restart-limit", "2"]) { daemon, descriptor in
      let catalog = daemon.store + "/catalog.db"
      #expect(rename(catalog, catalog + ".away") == 0)
      kill(try await daemon.server(), SIGKILL)
      let result = writeByte(to: descriptor)
      try await eventually("the write fails") { result.withLock { $0 } != nil }
      #expect(result.withLock { $0 } == ENOTCONN || result.withLock { $0 } == ECONNABORTED)
      try await eventually("nothing is mounted") { daemon.mounts.isEmpty }
      #expect(failures(daemon) == 2 && daemon.messages.contains("is unmounted"), "\(daemon.messages)")
      let code = try await daemon.stop()
      #expect(code == 1)
    }
  }

  @Test func aKeeperThatWaitsForTheStoreStopsWhenItIsTold() async throws {
    try await withDaemon([]) { daemon, _ in
      let catalog = daemon.store + "/catalog.db"
      #expect(rename(catalog, catalog + ".away") == 0)
      kill(try await daemon.server(), SIGKILL)
      // The next comes after four seconds.
      try await eventually("three servers have tried in vain") { failures(daemon) >= 3 }
      let start = ContinuousClock.now
      let code = try await daemon.stop()
      #expect(code == 1 && daemon.mounts.isEmpty && ContinuousClock.now - start < .seconds(2), "\(daemon.messages)")
    }
  }

  @Test func aNewDaemonThatCantReadItsStoreEndsAtOnce() async throws {
    try await withDaemon([]) { daemon, descriptor in
      close(descriptor)
      _ = try await daemon.stop()
      let catalog = daemon.store + "/catalog.db"
      #expect(rename(catalog, catalog + ".away") == 0)
      let process = try daemon.spawn()
      try await eventually("it gives up") { !process.isRunning }
      #expect(process.terminationStatus == 1 && failures(daemon) == 0 && daemon.mounts.isEmpty)
    }
  }
}
