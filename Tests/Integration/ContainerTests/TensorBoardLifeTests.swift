import ControlDatabase
import FoundationEssentials
import JobStates
import Jobs
import Logging
import Testing

@testable import Notebooks

/// How a TensorBoard begins and ends.
@Suite struct TensorBoardLifeTests {
  @Test func `one that nobody looks at is stopped, and leaves nothing`() async throws {
    let bench = try await Workbench()
    let clients = ProcessInfo.processInfo.environment["CAIRN_TEST_CLIENTS"] ?? "/var/cache/cairn-tests"
    let job = try await bench.run("true") {
      $0.environment["PATH"] = "\(clients)/tensorboard-server/bin:/usr/bin:/bin"
    }
    let servers = bench.directory + "/servers"
    let service = TensorBoardService(
      directory: servers, database: bench.database, jobs: bench.jobs, storage: bench.storage,
      patience: .init(running: 3600, ended: 0, interval: 0.1), logger: Logger(label: "test"))
    async let first = service.open(for: job)
    async let second = service.open(for: job)
    let own = try await first
    #expect(try await second.id == own.id)
    #expect(own.request.serves == ServedSubject(.tensorBoard, job.id))
    #expect(FileManager.default.fileExists(atPath: "\(servers)/\(own.id)/start.py"))

    let run = Task { try await service.run() }
    let ended = try await bench.jobs.wait(for: own.id)
    #expect(ended.state == .stopped, "\(ended)")
    while FileManager.default.fileExists(atPath: "\(servers)/\(own.id)") {
      try await Task.sleep(for: .milliseconds(20))
    }
    run.cancel()
    _ = await run.result
    await #expect(throws: ControlError.self) { try await service.server(of: job.id) }
    // It opens again, and the record of the first one goes.
    let again = try await service.open(for: job)
    #expect(again.id != own.id)
    await #expect(throws: ControlError.self) { try await bench.database.job(own.id) }
    await #expect(throws: ControlError.self) { try await service.open(for: again) }
    try await bench.close()
  }
}
