import Foundation
import Glibc
import Linux
import StorageAPI
import Testing

/// Trees that are brought in beside programs that look at the mount.
@Suite(.serialized) struct IngestTests {
  /// Enough to take a while.
  private static let count = 20_000

  private func withDaemon(_ body: (StorageDaemon) async throws -> Void) async throws {
    try #require(geteuid() == 0, "mounting needs root: run the tests as root")
    let daemon = try StorageDaemon()
    defer { daemon.remove() }
    do {
      try await daemon.start()
      try await body(daemon)
      let code = try await daemon.stop()
      #expect(code == 0, "\(daemon.messages)")
    } catch {
      Issue.record("\(error)\n\(daemon.messages)")
    }
  }

  private func tree() -> [TreeEntry] {
    func entry(_ path: String, _ kind: TreeEntry.Kind) -> TreeEntry {
      TreeEntry(
        path: Data(path.utf8), kind: kind, digests: kind == .file ? [] : nil, mode: 0o755, uid: 0, gid: 0,
        modifiedNanoseconds: 0)
    }
    return [entry("", .directory)] + (0..<Self.count).map { entry("f\($0)", .file) }
  }

  private func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  @Test func whoLooksWhileATreeComesInFindsNothingOfItAndThenAllOfIt() async throws {
    try await withDaemon { daemon in
      let place = daemon.mount + "/models/m"
      let state = Monitor((absences: 0, partial: [String](), isFound: false))
      let watcher = WorkerThread(name: "watcher") {
        for _ in 0..<100_000 {
          if exists(place) {
            // What comes last, what comes first, and all that is listed.
            let names = [0, Self.count - 1].map { "\(place)/f\($0)" }
            let listed = (try? FileManager.default.contentsOfDirectory(atPath: place).count) ?? 0
            state.withLock { state in
              state.partial = names.filter { !exists($0) } + (listed == Self.count ? [] : ["\(listed) names"])
              state.isFound = true
            }
            return
          }
          state.withLock { $0.absences += 1 }
          usleep(1_000)
        }
      }
      let volume = try await daemon.client.ingestTree(NewVolume(kind: .model, path: "models/m"), tree())
      #expect(volume.sealed && volume.path == "models/m" && volume.usedInodes == UInt64(Self.count) + 1)
      // No later than the answer.
      #expect(exists(place) && exists(place + "/f\(Self.count - 1)"))
      watcher.join()
      let (absences, partial, isFound) = state.withLock { $0 }
      #expect(isFound && absences > 10 && partial == [], "\(absences)")
    }
  }

  @Test func aServerThatIsKilledWhileATreeComesInLeavesNothingOfIt() async throws {
    try await withDaemon { daemon in
      let place = daemon.mount + "/models/m"
      #expect(!exists(place))
      let before = try await daemon.client.usage()
      let old = try await daemon.server()
      let client = daemon.client
      let entries = tree()
      let written = try bytesWritten(by: old)
      let ingest = Task { try await client.ingestTree(NewVolume(kind: .model, path: "models/m"), entries) }
      // Each file is a record of some hundred bytes in the journal.
      try await eventually("a tenth of the tree is there") {
        ((try? bytesWritten(by: old)) ?? 0) > written + UInt64(Self.count) / 10 * 100
      }
      kill(old, SIGKILL)
      await #expect(throws: (any Error).self) { try await ingest.value }
      try await eventually("another server answers") { ((try? await daemon.server()) ?? old) != old }
      #expect(!exists(place))
      let volumes = try await daemon.client.volumes()
      let after = try await daemon.client.usage()
      #expect(volumes.map(\.path) == ["storage"] && after.inodes == before.inodes)
      let check = try await daemon.client.check(repair: false)
      #expect(check.findings.isEmpty, "\(check)")
      _ = try await daemon.client.ingestTree(NewVolume(kind: .model, path: "models/m"), entries)
      #expect(exists(place + "/f\(Self.count - 1)"))
    }
  }
}

/// Bytes that a process has written with system calls.
private func bytesWritten(by process: pid_t) throws -> UInt64 {
  let lines = try String(contentsOfFile: "/proc/\(process)/io", encoding: .utf8).split(separator: "\n")
  let line = lines.first { $0.hasPrefix("wchar: ") }
  return try #require(line.flatMap { UInt64($0.dropFirst("wchar: ".count)) })
}
