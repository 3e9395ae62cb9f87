import Foundation
import Glibc
import Linux
import StorageAPI
import TestSupport
import Testing

/// Points of the log that are tried. A soak sets CAIRN_CRASH_IMAGES.
private let crashImages = ProcessInfo.processInfo.environment["CAIRN_CRASH_IMAGES"].flatMap(Int.init) ?? 30

/// The real daemon on a real ext4, on a disk whose power goes at any of its writes.
@Suite(.serialized) struct DiskPowerCutTests {
  private static let diskBytes: UInt64 = 1 << 30

  @Test(arguments: testSeeds())
  func whateverWriteThePowerGoesAtAPrefixWithAllThatWasSyncedIsLeft(seed: UInt64) async throws {
    try #require(geteuid() == 0, "mounting needs root: run the tests as root")
    let memory = "/dev/shm/cairn-power-cut.\(getpid()).\(seed)"
    try FileManager.default.createDirectory(atPath: memory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: memory) }
    let disk = try LoggedDisk(in: memory, bytes: Self.diskBytes)
    defer { disk.end() }
    let start = disk.position
    let histories = try await work(on: disk, seed)
    try disk.unmount()

    let log = try WriteLog(disk.log)
    let images = try CrashImages(log, bytes: Self.diskBytes, in: memory)
    let points = points(log, from: log.count(at: start), histories, seed)
    for point in points {
      let position = log.records[point.records - 1].bytes.upperBound
      var problems: [String]
      do {
        problems = try await inspect(try images.make(point), in: memory, histories, position)
      } catch {
        problems = ["\(error)"]
      }
      if !problems.isEmpty { Issue.record("The power goes \(point): \(problems.joined(separator: "\n"))") }
    }
  }

  /// Threads change files and sync them until the store has been checkpointed and collected some times.
  private func work(on disk: LoggedDisk, _ seed: UInt64) async throws -> [CallHistory] {
    let daemon = try StorageDaemon(store: disk.fileSystem + "/store")
    defer { daemon.remove() }
    try await daemon.start()
    let clock = CallClock()
    let histories = try (0..<4).map { index in
      try CallHistory("t\(index)", in: daemon.persistent, clock: clock, seed: seed &+ UInt64(index))
    }
    try await daemon.client.synchronize()
    let failures = Monitor<[String]>([])
    let isOver = Monitor(false)
    let position = disk.log
    let threads = histories.map { history in
      WorkerThread(name: history.name) {
        do {
          while !isOver.withLock({ $0 }) {
            try history.step { length(of: position) }
            usleep(useconds_t.random(in: 0..<6_000))
          }
        } catch {
          failures.withLock { $0.append("\(history.name): \(error)") }
        }
      }
    }
    let volume = try #require(try await daemon.client.volume(path: "storage"))
    for second in 0..<8 {
      try await Task.sleep(for: .seconds(1))
      if second % 2 == 0 {
        _ = try await daemon.client.collectGarbage()
      } else if second == 3 {
        // From here on what the snapshot holds is changed in a layer above it.
        _ = try await daemon.client.snapshot(volume.id)
      } else {
        try await daemon.client.synchronize()
      }
    }
    isOver.withLock { $0 = true }
    for thread in threads { thread.join() }
    #expect(failures.withLock { $0 } == [], "\(daemon.messages)")
    let code = try await daemon.stop()
    #expect(code == 0, "\(daemon.messages)")
    // Else nothing is shown by what follows.
    for history in histories { #expect(history.calls.count > 50 && history.syncs.count > 5) }
    return histories
  }

  /// A third where an fsync had just returned, which is where a promise is broken first, a third before a flush,
  /// where most is at stake, the rest anywhere.
  private func points(
    _ log: WriteLog, from start: Int, _ histories: [CallHistory], _ seed: UInt64
  ) -> [CrashPoint] {
    var generator = SeededGenerator(seed: seed)
    let flushes = log.records.indices.filter { $0 > start && log.records[$0].isFlush }
    let syncs = histories.flatMap(\.syncs).map { log.count(at: $0.position) }
    return (0..<crashImages).map { index -> CrashPoint in
      let anywhere = Int.random(in: start + 1...log.records.count, using: &generator)
      let records =
        switch index % 3 {
        case 0: syncs.randomElement(using: &generator) ?? anywhere
        case 1: flushes.randomElement(using: &generator) ?? anywhere
        default: anywhere
        }
      let unflushed = CrashPoint.Unflushed.allCases.randomElement(using: &generator) ?? .lost
      return CrashPoint(records: records, unflushed: unflushed, seed: generator.next())
    }.sorted { $0.records < $1.records }
  }

  /// What is wrong with an image of the disk.
  private func inspect(
    _ image: String, in directory: String, _ histories: [CallHistory], _ position: Int
  ) async throws -> [String] {
    let mountPoint = directory + "/after"
    try FileManager.default.createDirectory(atPath: mountPoint, withIntermediateDirectories: true)
    // The first mount replays ext4's own journal.
    try command("mount", "-o", "loop", image, mountPoint)
    try command("umount", mountPoint)
    try command("e2fsck", "-f", "-n", image)
    try command("mount", "-o", "loop", image, mountPoint)
    defer { umount2(mountPoint, Int32(MNT_DETACH)) }
    let daemon = try StorageDaemon(store: mountPoint + "/store")
    defer { daemon.remove() }
    var problems: [String] = []
    do {
      try await daemon.start()
      let begun = histories.flatMap(\.syncs).contains { $0.position <= position }
      if begun || histories.allSatisfy({ access(daemon.persistent + "/" + $0.name, F_OK) == 0 }) {
        problems += try faults(of: histories, in: daemon.persistent, position: position)
      }
      let check = try await daemon.client.check(repair: false)
      problems += check.findings.map { "the check finds: \($0.sentence) \($0.paths)" }
      let code = try await daemon.stop()
      if code != 0 { problems.append("the daemon ended with \(code)") }
    } catch {
      problems.append("\(error)")
    }
    if !problems.isEmpty { problems.append(daemon.messages) }
    return problems
  }
}

private func length(of path: String) -> Int {
  var status = stat()
  return lstat(path, &status) == 0 ? Int(status.st_size) : 0
}
