import Containers
import ControlDatabase
import DeploymentStates
import FoundationEssentials
import Glibc
import Linux
import Logging

/// Takes one replica from wherever it is to its removal. Each step may be repeated, because the daemon may end between
/// any two: then the next one goes on from what it finds.
struct ReplicaRunner: Sendable {
  let configuration: DeploymentConfiguration
  let database: DeploymentDatabase
  let podman: Podman
  let plane: DataPlane
  let resources: any ReplicaResources
  let logger: Logger

  private var files: ReplicaFiles { configuration.files }

  /// Returns when the replica has been removed, or, without having changed anything more, when the task is cancelled.
  func run(_ id: String) async throws {
    while let replica = try await database.replica(id) {
      try Task.checkCancellation()
      switch replica.state {
      case .pending, .preparing, .starting, .warming, .ready, .unready: try await serve(replica)
      case .crashLoop: try await restart(replica)
      case .draining: try await drain(replica)
      case .stopped: return try await remove(replica)
      }
    }
  }

  /// Removes what is left of a container but its log.
  func clean(after container: String) async throws {
    try await podman.remove(container)
    try await HostOverlay(directory: files.overlay(of: container)).remove()
    try files.secrets(of: container).remove()
  }

  // MARK: Serving

  /// Returns when the replica's container has ended and that is written down, or when the replica is to leave.
  private func serve(_ replica: Replica) async throws {
    let end = try await untilLeaving(replica.id) {
      do {
        return try await startAndWatch(replica)
      } catch {
        try Task.checkCancellation()
        return "\(error)"
      }
    }
    guard let end else { return }
    try Task.checkCancellation()
    try await database.change(replica: replica.id) { replica in
      let now = nanosecondsNow()
      let wasSteady = replica.readyAt.map { now - $0 > steadySeconds * 1_000_000_000 } ?? false
      replica.restarts = wasSteady ? 1 : replica.restarts + 1
      replica.restartAt = now + Int64(restartPause(after: replica.restarts)) * 1_000_000_000
      replica.state = .crashLoop
      replica.detail = end
    }
  }

  /// Runs `body`; nil: the replica was told to leave before it ended.
  private func untilLeaving(
    _ id: String, _ body: @escaping @Sendable () async throws -> String
  ) async throws -> String? {
    try await withThrowingTaskGroup(of: String?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        for await _ in database.watchChanges() {
          guard let replica = try await database.replica(id), !replica.state.isLeaving else { return nil }
        }
        throw CancellationError()
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }

  /// Returns how the container ended, in words.
  private func startAndWatch(_ replica: Replica) async throws -> String {
    let revision = try await database.revision(replica.revision, of: replica.deployment)
    // Its container is made after it is written down to be starting. Each question costs podman some 40 ms.
    let mayHaveContainer = ![.pending, .preparing].contains(replica.state)
    var status = mayHaveContainer ? try await podman.status(of: replica.container) : nil
    if status?.phase == .created {
      try await podman.remove(replica.container)
      status = nil
    }
    if status == nil {
      guard [.pending, .preparing, .starting].contains(replica.state) else { return "its container is gone" }
      try await start(replica, revision)
      status = try await podman.status(of: replica.container)
    }
    guard let address = try await address(of: replica, revision, status) else { return "its container has no address" }
    let startedAt = status?.startedAt ?? nanosecondsNow()
    try await database.change(replica: replica.id) { replica in
      replica.address = "\(address)"
      replica.startedAt = startedAt
      if [.pending, .preparing, .starting].contains(replica.state) { replica.state = .warming }
    }
    return try await withThrowingTaskGroup(of: String.self) { group in
      let memoryLimit = revision.specification.memoryBytes
      group.addTask {
        describe(try await podman.wait(for: replica.container, memoryLimit: memoryLimit))
      }
      group.addTask {
        try await probe(
          replica, at: address, revision.specification.probes, startedAt: startedAt)
      }
      defer { group.cancelAll() }
      return try await group.next() ?? ""
    }
  }

  private func start(_ replica: Replica, _ revision: Revision) async throws {
    let specification = revision.specification
    let gpus = try await resources.hold(specification, replica: replica.id, of: replica.deployment) { reason in
      try await database.change(replica: replica.id) { $0.detail = reason }
    }
    let secrets = try await resources.secrets(of: specification)
    try await database.change(replica: replica.id) { replica in
      // Why it waited is over.
      if replica.restarts == 0 { replica.detail = nil }
      replica.state = .preparing
    }
    if let model = revision.model, !FileManager.default.fileExists(atPath: model.path) {
      throw ControlError(.notFound, subject: model.path, "the model's files are gone: \(model.path)")
    }
    var overlay: HostOverlay?
    if specification.image == DeploymentSpecification.hostImage {
      overlay = HostOverlay(directory: files.overlay(of: replica.container))
      try await overlay?.remove()
      try overlay?.mount()
    } else {
      _ = try await podman.provide(image: specification.image) {
        // Only tells; the replica goes on without.
        _ = try? await database.change(replica: replica.id) { $0.detail = "pulling image \(specification.image)" }
      }
    }
    let address = try listenAddress(specification)
    try await database.change(replica: replica.id) { replica in
      replica.state = .starting
      // Why it ended the last time is worth more than that its image was pulled.
      if replica.restarts == 0 { replica.detail = nil }
      replica.address = podman.host.network == .host ? "\(address)" : nil
    }
    try FileManager.default.createDirectory(
      atPath: files.logs(of: replica.deployment), withIntermediateDirectories: true)
    if !secrets.isEmpty { try files.secrets(of: replica.container).make(secrets.files.map(\.value)) }
    try await podman.start(
      ContainerSpecification(
        replica: replica, revision: revision, files: files, address: address, mount: configuration.mount,
        overlay: overlay, masked: configuration.maskedPaths, gpus: gpus, secrets: secrets))
  }

  /// In a network of its own a replica has all ports to itself. On the host's it is given one that is free now.
  private func listenAddress(_ specification: DeploymentSpecification) throws -> ReplicaAddress {
    switch podman.host.network {
    case .bridge: ReplicaAddress(host: "0.0.0.0", port: specification.port)
    case .host: ReplicaAddress(host: "127.0.0.1", port: try freePort())
    }
  }

  private func address(
    of replica: Replica, _ revision: Revision, _ status: ContainerStatus?
  ) async throws -> ReplicaAddress? {
    if podman.host.network == .host {
      return try await database.replica(replica.id)?.address.flatMap { ReplicaAddress($0) }
    }
    return status?.address.map { ReplicaAddress(host: $0, port: revision.specification.port) }
  }

  /// Writes down how the replica is, until it has to be started again; returns why.
  private func probe(
    _ replica: Replica, at address: ReplicaAddress, _ probes: Probes, startedAt: Int64
  ) async throws -> String {
    var ledger = ProbeLedger(probes, isReady: replica.state == .ready)
    // A replica that comes up is waited for closely.
    var pause = 0.02
    while true {
      let readiness = try await probes.readiness.fault(at: address, timeoutSeconds: probes.timeoutSeconds)
      let liveness =
        ledger.asksLiveness
        ? try await probes.liveness.fault(at: address, timeoutSeconds: probes.timeoutSeconds) : nil
      let seconds = Double(nanosecondsNow() - startedAt) / 1e9
      switch ledger.note(readiness: readiness, liveness: liveness, secondsSinceStart: seconds) {
      case .unchanged: break
      case .ready:
        try await database.change(replica: replica.id) { replica in
          replica.state = .ready
          replica.detail = nil
          replica.readyAt = replica.readyAt ?? nanosecondsNow()
        }
      case .unready:
        try await database.change(replica: replica.id) { replica in
          replica.state = .unready
          replica.detail = readiness
        }
      case .dead(let reason): return reason
      }
      try await Task.sleep(for: .seconds(ledger.isReady ? probes.periodSeconds : pause))
      pause = min(pause * 1.5, probes.periodSeconds, 0.5)
    }
  }

  // MARK: Ending

  /// Waits for the restart's time and writes the next attempt down.
  private func restart(_ replica: Replica) async throws {
    try await clean(after: replica.container)
    try files.pruneLogs(of: replica.deployment)
    let wait = Double((replica.restartAt ?? 0) - nanosecondsNow()) / 1e9
    let waited = try await untilLeaving(replica.id) {
      try await Task.sleep(for: .seconds(max(wait, 0)))
      return ""
    }
    guard waited != nil else { return }
    try Task.checkCancellation()
    try await database.change(replica: replica.id) { replica in
      replica.attempt += 1
      replica.container = Replica.container(
        deployment: replica.deployment, id: replica.id, attempt: replica.attempt)
      replica.state = .pending
      (replica.address, replica.startedAt, replica.readyAt, replica.restartAt) = (nil, nil, nil, nil)
    }
  }

  /// Waits until the replica's requests are done, or have had their time.
  private func drain(_ replica: Replica) async throws {
    let specification = try await database.revision(replica.revision, of: replica.deployment).specification
    let deadline = ContinuousClock.now + .seconds(specification.drainSeconds)
    // Twice: a request that was being handed out counts with the next look.
    var quiet = 0
    while ContinuousClock.now < deadline && quiet < 2 {
      if await !plane.mayGetRequests(replica.container) {
        do {
          quiet = try await plane.inFlight(server: replica.container) == 0 ? quiet + 1 : 0
        } catch {
          try Task.checkCancellation()
          logger.debug("the proxy does not tell what \(replica.container) has in flight: \(error)")
        }
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    try await database.drained(replica: replica.id)
  }

  private func remove(_ replica: Replica) async throws {
    let revision = try await database.revision(replica.revision, of: replica.deployment)
    try await podman.signal(replica.container, SIGTERM)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { _ = try await podman.wait(for: replica.container, memoryLimit: nil) }
      group.addTask { try await Task.sleep(for: .seconds(revision.specification.graceSeconds)) }
      defer { group.cancelAll() }
      try await group.next()
    }
    // In a task of its own, because a daemon that ends in this moment should not leave a mount behind.
    try await Task { try await clean(after: replica.container) }.value
    try await resources.release(replica: replica.id, of: replica.deployment)
    try await database.removeReplica(replica.id)
  }

  private func describe(_ end: ContainerEnd) -> String {
    switch end {
    case .vanished(let cause): "nobody knows how it ended: \(cause)"
    case .ended(_, true, _), .endedUnwatched(_, true, _): "it needed more memory than it may have"
    case .ended(let code, false, _), .endedUnwatched(let code, false, _):
      (129...192).contains(code) ? "it was killed by signal \(code - 128)" : "it ended with exit code \(code)"
    }
  }
}

/// A TCP port of the loopback address that nobody uses in this moment.
private func freePort() throws -> UInt16 {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  guard descriptor >= 0 else { throw SystemError("socket", "127.0.0.1") }
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  var size = socklen_t(MemoryLayout<sockaddr_in>.size)
  guard withSocketAddress(&address, { bind(descriptor, $0, $1) }) == 0 else { throw SystemError("bind", "127.0.0.1") }
  let code = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
  }
  guard code == 0 else { throw SystemError("getsockname", "127.0.0.1") }
  return UInt16(bigEndian: address.sin_port)
}
