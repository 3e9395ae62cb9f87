import Containers
import ControlDatabase
import FoundationEssentials
import GPUs
import Glibc
import JobStates
import Jobs
import Logging
import Secrets
import Subprocess
import Synchronization
import Testing

/// A control plane in a directory of its own, with real containers, and plain directories for storage.
final class Workbench: Sendable {
  let directory: String
  let database: ControlDatabase
  let jobs: JobService
  let podman: Podman
  let storage: DirectoryStorage
  let secrets: SecretService
  let tracking = RememberedTracking()
  private let runs: Task<Void, any Error>

  /// - Parameter directory: of an earlier one, to go on where it was left.
  /// - Parameter reached: called after each step of an attempt.
  init(
    directory: String? = nil, masking masked: [String] = [], bootID: String = Containers.bootID(),
    gpus: GPUInventory = [], reached: (@Sendable (JobStep) async throws -> Void)? = nil,
    keepingSnapshots kept: (@Sendable () async throws -> Set<UInt32>)? = nil
  ) async throws {
    try #require(geteuid() == 0, "container tests start containers and mounts: run them as root")
    let directory = directory ?? "/tmp/cairn-containers.\(UUID().uuidString.lowercased())"
    self.directory = directory
    storage = try DirectoryStorage(mount: directory + "/mount")
    podman = try await Podman(directory: "/tmp/cairn-containers.host")
    try #require(podman.host.canRunContainers, "podman can run no containers here: \(podman.host.findings)")
    try FileManager.default.createDirectory(atPath: directory + "/control", withIntermediateDirectories: true)
    database = try ControlDatabase(path: directory + "/control/control.db")
    secrets = SecretService(database: database, box: SecretBox(keyPath: directory + "/control/secrets.key"))
    let jobs = JobService(
      configuration: JobConfiguration(
        directory: directory + "/control", maskedPaths: masked, bootID: bootID, reached: reached), database: database,
      podman: podman, gpus: gpus, storage: storage, tracking: tracking, secrets: secrets, logger: Logger(label: "test"))
    self.jobs = jobs
    if let kept { await jobs.keepSnapshots(of: [kept]) }
    runs = Task { try await jobs.run() }
  }

  /// Ends the control plane as a daemon's end would: containers go on.
  func leave() async {
    runs.cancel()
    _ = await runs.result
  }

  /// Ends everything and removes it.
  func close() async throws {
    for job in try await database.unfinishedJobs() {
      _ = try await jobs.stop(job.id, grace: 0)
      _ = try await jobs.wait(for: job.id)
    }
    await leave()
    for name in try await podman.containers(label: "io.cairn.instance", value: directory + "/control") {
      try await podman.remove(name)
    }
    try FileManager.default.removeItem(atPath: directory)
  }

  func submit(
    _ script: String, image: String = JobRequest.hostImage, _ change: (inout JobRequest) -> Void = { _ in }
  ) async throws -> Job {
    var request = JobRequest(project: "tests", image: image, command: ["/bin/sh", "-c", script])
    // Many run at a time, also on a host with few processors.
    request.cpus = 0.1
    change(&request)
    return try await jobs.submit(request)
  }

  func run(
    _ script: String, image: String = JobRequest.hostImage, _ change: (inout JobRequest) -> Void = { _ in }
  ) async throws -> Job {
    try await jobs.wait(for: submit(script, image: image, change).id)
  }

  func log(of job: Job) async throws -> [String] {
    var lines: [String] = []
    for try await line in jobs.logs(of: job.id) { lines.append(line.text) }
    return lines
  }

  func waitForLine(_ text: String, of job: Job) async throws {
    for try await line in jobs.logs(of: job.id, follow: true) where line.text == text { return }
    Issue.record("job \(job.name) ended without writing \(text)")
  }

  /// That a job runs is noted first, and after it what podman knows of it.
  @discardableResult func waitUntilItsProcessIsNoted(_ job: Job) async throws -> ProcessHandle {
    try await waitUntilRunning(job)
    while true {
      if let process = try await database.attempt(1, of: job.id).process { return process }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  func waitUntilRunning(_ job: Job) async throws {
    for await _ in database.watchChanges() {
      let now = try await database.job(job.id)
      if now.state == .running { return }
      try #require(!now.state.isTerminal, "the job ended before it ran: \(now)")
    }
  }
}

/// Runs `body` with a workbench that is cleared away afterwards, whatever happens.
/// - Parameter directory: of an earlier one, to go on where it was left.
func withWorkbench(
  at directory: String? = nil, masking masked: [String] = [], bootID: String = Containers.bootID(),
  gpus: GPUInventory = [], _ body: (Workbench) async throws -> Void
) async throws {
  let bench = try await Workbench(directory: directory, masking: masked, bootID: bootID, gpus: gpus)
  do {
    try await body(bench)
  } catch {
    try await bench.close()
    throw error
  }
  try await bench.close()
}

/// Plain directories where the real storage has volumes; a sealed one is marked by a file beside it.
/// No tracker: what the runner asks for at an attempt's begin and end is remembered.
final class RememberedTracking: JobTracking {
  private let ended = Mutex<[String: JobState]>([:])

  func environment(of attempt: Attempt, of job: Job) async throws -> [String: String] { ["TRACKED": job.id] }

  func end(_ attempt: Attempt, of job: Job, as state: JobState, time: Int64) async throws {
    ended.withLock { $0["\(job.id)-\(attempt.number)"] = state }
  }

  func end(ofAttempt number: Int, of job: String) -> JobState? { ended.withLock { $0["\(job)-\(number)"] } }
}

struct DirectoryStorage: JobStorage {
  let mount: String
  /// Snapshots of an earlier control plane.
  private let old: Set<UInt32>

  init(mount: String) throws {
    self.mount = mount
    old = try Self.snapshots(mount)
    for name in ["storage", "workspaces", "artifacts"] { try Self.make("\(mount)/\(name)") }
  }

  func createWorkspace(job: String, from snapshot: UInt32?) async throws {
    let path = "\(mount)/workspaces/\(job)"
    if FileManager.default.fileExists(atPath: path) { return }
    guard let snapshot else { return try Self.make(path) }
    _ = try await shell("cp -a \(mount)/snapshots/\(snapshot) \(path)")
  }

  /// A snapshot of these files.
  func addSnapshot(_ files: [String: String]) throws -> UInt32 {
    let number = UInt32.random(in: 1...1_000_000)
    try Self.make("\(mount)/snapshots/\(number)")
    for (name, text) in files {
      try text.write(toFile: "\(mount)/snapshots/\(number)/\(name)", atomically: false, encoding: .utf8)
    }
    return number
  }

  func createArtifacts(project: String, job: String) async throws {
    try Self.make("\(mount)/artifacts/\(project)/\(job)")
  }
  func sealArtifacts(project: String, job: String) async throws { try Self.make(seal(project, job)) }
  /// Those that were there before were sent long ago, and the others just now.
  func sentWorkspaces() async throws -> [UInt32: Int64] {
    let numbers = try Self.snapshots(mount)
    return Dictionary(uniqueKeysWithValues: numbers.map { ($0, old.contains($0) ? 0 : .max) })
  }

  private static func snapshots(_ mount: String) throws -> Set<UInt32> {
    let snapshots = "\(mount)/snapshots"
    guard FileManager.default.fileExists(atPath: snapshots) else { return [] }
    return Set(try FileManager.default.contentsOfDirectory(atPath: snapshots).compactMap { UInt32($0) })
  }

  func removeSentWorkspace(_ number: UInt32) async throws { try Self.remove("\(mount)/snapshots/\(number)") }
  func hasSnapshot(_ number: UInt32) -> Bool { FileManager.default.fileExists(atPath: "\(mount)/snapshots/\(number)") }
  func removeWorkspace(job: String) async throws { try Self.remove("\(mount)/workspaces/\(job)") }
  func removeArtifacts(project: String, job: String) async throws {
    try Self.remove("\(mount)/artifacts/\(project)/\(job)")
  }

  func isSealed(_ job: Job) -> Bool { FileManager.default.fileExists(atPath: seal(job.project, job.id)) }

  private func seal(_ project: String, _ job: String) -> String { "\(mount)/artifacts/\(project)/.\(job).sealed" }

  private static func make(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  private static func remove(_ path: String) throws {
    if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
  }
}

/// What a shell command on the host prints, by lines.
func shell(_ command: String) async throws -> [String] {
  let result = try await Subprocess.run(
    .name("sh"), arguments: ["-c", command], output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
  try #require(result.terminationStatus.isSuccess, "\(command): \(result.standardError)")
  return result.standardOutput.split(separator: "\n").map(String.init)
}
