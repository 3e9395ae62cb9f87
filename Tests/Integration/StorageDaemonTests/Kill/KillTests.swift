import Foundation
import Glibc
import Linux
import StorageAPI
import TestSupport
import Testing

/// How often the server is killed. A soak sets CAIRN_KILLS.
private let kills = ProcessInfo.processInfo.environment["CAIRN_KILLS"].flatMap(Int.init) ?? 15

/// The server is killed and replaced again and again while programs of all kinds work in the mount: none of them
/// sees an error, and all that they did is there.
@Suite(.serialized) struct KillTests {
  @Test(arguments: testSeeds())
  func programsNoticeNothingWhenTheServerIsKilledAndUpgraded(seed: UInt64) async throws {
    try #require(geteuid() == 0, "mounting needs root: run the tests as root")
    let daemon = try StorageDaemon()
    defer { daemon.remove() }
    // Upgraded by putting another file in the program's place.
    let program = daemon.directory + "/cairnfsd"
    try FileManager.default.copyItem(at: builtProgram("cairnfsd"), to: URL(filePath: program))
    daemon.program = URL(filePath: program)
    daemon.arguments = ["--restart-limit", "1000"]
    let outside = daemon.directory + "/outside"
    let connections = "/tmp/cairn-connections.\(getpid())"
    for path in [outside, connections] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    try command("mount", "-t", "fusectl", "none", connections)
    defer {
      umount2(connections, Int32(MNT_DETACH))
      rmdir(connections)
    }
    try command("env", "O=\(outside)", "bash", "-c", LoadProgram.preparation)
    try await daemon.start()

    let running = try LoadProgram.all.map {
      try $0.start("run", in: daemon.persistent + "/" + $0.name, beside: outside)
    }
    do {
      try await disturb(daemon, program, connections, seed)
    } catch {
      Issue.record("seed \(seed): \(error)\n\(daemon.messages)")
    }
    try Data().write(to: URL(filePath: outside + "/stop"))
    try await end(running, seed, daemon)
    for running in running {
      let rounds = (try? String(contentsOfFile: "\(outside)/\(running.name).rounds", encoding: .utf8)) ?? ""
      #expect(!rounds.isEmpty, "\(running.name) did nothing")
    }

    // Mounted anew, so that nothing comes from the kernel's memory.
    let code = try await daemon.stop()
    #expect(code == 0 && daemon.mounts.isEmpty, "\(daemon.messages)")
    try await daemon.start()
    let verifying = try LoadProgram.all.map {
      try $0.start("verify", in: daemon.persistent + "/" + $0.name, beside: outside)
    }
    try await end(verifying, seed, daemon)
    let findings = try await daemon.client.check(repair: false).findings
    #expect(findings == [])
    let last = try await daemon.stop()
    #expect(last == 0 && daemon.mounts.isEmpty, "\(daemon.messages)")
  }

  /// Kills the server at random moments, now and then upgrades it, and sees that there was something to lose.
  private func disturb(_ daemon: StorageDaemon, _ program: String, _ connections: String, _ seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    var (unsynced, unanswered, resent) = (UInt64(0), 0, UInt64(0))
    for number in 0..<kills {
      try await Task.sleep(for: .milliseconds(Int.random(in: 100..<1200, using: &generator)))
      let old = try await daemon.server()
      if number % 5 == 4 {
        try upgrade(program)
        kill(daemon.keeper, SIGHUP)
      } else if Bool.random(using: &generator) {
        // Stopped first, to see what is at stake.
        kill(old, SIGSTOP)
        defer { kill(old, SIGKILL) }
        usleep(useconds_t.random(in: 1_000..<20_000, using: &generator))
        let risk = try AtRisk(store: daemon.store, mount: daemon.mount, connections: connections)
        unsynced += risk.unsynced
        unanswered += risk.unanswered
      } else {
        kill(old, SIGKILL)
      }
      try await eventually("another server answers") { ((try? await daemon.server()) ?? old) != old }
      resent += try await daemon.client.statistics().kernelRequests["RESENT"] ?? 0
      if number % 5 == 4 {
        // It runs what lies there now.
        let path = try await "/proc/\(daemon.server())/exe"
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == program)
      }
    }
    #expect(unsynced > 0, "nothing was in the journal that had not been synced: nothing was at risk")
    #expect(unanswered > 0, "no request was under way: nothing was at risk")
    #expect(resent > 0, "no request came twice: nothing was at risk")
  }

  /// Puts a copy of the program in its place.
  private func upgrade(_ program: String) throws {
    try FileManager.default.copyItem(atPath: program, toPath: program + ".new")
    if rename(program + ".new", program) != 0 { throw SystemError("rename", program) }
  }

  private func end(_ programs: [RunningProgram], _ seed: UInt64, _ daemon: StorageDaemon) async throws {
    for program in programs {
      do {
        try await eventually("\(program.name) ends", seconds: 60) { !program.process.isRunning }
      } catch {
        kill(program.process.processIdentifier, SIGKILL)
        Issue.record("seed \(seed): \(error)")
        continue
      }
      if let complaint = program.complaint { Issue.record("seed \(seed): \(complaint)\n\(daemon.messages)") }
    }
  }
}
