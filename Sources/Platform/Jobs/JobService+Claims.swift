import ControlDatabase
import GPUs
import JobStates
import Scheduler

/// What something that is no job, such as a deployment's replica, takes of the host.
public struct HostPart: Hashable, Sendable {
  /// Whole ones.
  public var gpus: Int
  /// nil: it does not say, and counts for none.
  public var cpus: Double?
  public var memoryBytes: UInt64?

  public init(gpus: Int = 0, cpus: Double? = nil, memoryBytes: UInt64? = nil) {
    self.gpus = gpus
    self.cpus = cpus
    self.memoryBytes = memoryBytes
  }

  /// Whether nobody has to wait for it.
  public var isNothing: Bool { gpus == 0 && cpus == nil && memoryBytes == nil }
}

extension JobService {
  /// Refuses what this host could never give, however long somebody waited.
  /// - Throws: ``ControlError`` `invalid`
  public nonisolated func checkIsPossible(_ part: HostPart, subject: String) throws {
    func refuse(_ message: String) -> ControlError { ControlError(.invalid, subject: subject, message) }
    let host = hostResources
    guard part.gpus >= 0 else { throw refuse("a number of GPUs is 0 or more") }
    if part.gpus > host.gpus {
      throw refuse("it asks for \(part.gpus) GPUs and this host has \(host.gpus); see cairn gpu ls")
    }
    if let cpus = part.cpus, cpus > host.cpus {
      throw refuse("it asks for \(cpus) processors and this host has \(Int(host.cpus))")
    }
    if let memory = part.memoryBytes, memory > host.memoryBytes {
      throw refuse("it asks for \(memory >> 20) MiB of memory and this host has \(host.memoryBytes >> 20) MiB")
    }
  }

  /// Waits for a part of this host in the jobs' queue, before those of normal priority. It is held until it is released,
  /// over restarts of this process; to ask again for what is held returns at once.
  /// - Parameters:
  ///   - id: whose it is, for people as well, with a space in it: no job's.
  ///   - waiting: told why it waits, whenever that changes.
  /// - Returns: the names by which podman knows its GPUs.
  public func hold(
    _ part: HostPart, id: String, waiting: @Sendable (String) async throws -> Void
  ) async throws -> [String] {
    try await database.addClaim(
      id, gpus: part.gpus, milliCPUs: part.cpus.map { Int(($0 * 1000).rounded(.up)) } ?? 0,
      memoryBytes: part.memoryBytes.map { Int(clamping: $0) } ?? 0)
    var told: String?
    var pause = Duration.milliseconds(5)
    while true {
      guard let claim = try await database.claim(id) else {
        throw ControlError(.conflict, subject: id, "what \(id) waited for was given up meanwhile")
      }
      if let devices = claim.devices { return try await runner.devices.names(of: devices) }
      // What is decided anew is announced to nobody: only that something was granted is.
      if let sentence = waits(of: [id])[id]?.sentence, sentence != told {
        try await waiting(sentence)
        told = sentence
      }
      try await Task.sleep(for: pause)
      pause = min(pause * 2, .milliseconds(500))
    }
  }

  /// Gives back what is held, or no longer waited for.
  public nonisolated func release(_ id: String) async throws { try await database.removeClaim(id) }

  /// What is held and waited for.
  public nonisolated func held() async throws -> [String] { try await database.claims().map(\.id) }
}

extension WaitingJob {
  /// nil: it waits no more.
  init?(_ claim: Claim) {
    guard claim.devices == nil else { return nil }
    // Somebody waits for its answers. Of no project, so that no quota is in its way.
    self.init(id: claim.id, project: "", priority: .interactive, sequence: claim.createdAt, need: claim.need)
  }
}

extension RunningJob {
  /// nil: it holds nothing yet.
  init?(_ claim: Claim) {
    guard let devices = claim.devices else { return nil }
    self.init(
      id: claim.id, project: "", priority: .interactive, need: claim.need,
      slots: devices.map { DeviceSlot(device: $0) }, startedAt: claim.heldAt ?? claim.createdAt)
  }
}
