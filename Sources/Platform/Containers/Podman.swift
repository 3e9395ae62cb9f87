import Glibc
import Linux
import Subprocess

/// The podman of this host: starts containers that outlive this process, looks after them, ends them.
public struct Podman: Sendable {
  public let host: HostReport
  /// Words for `podman` before the verb.
  let globalArguments: [String]
  let limits: HostLimits
  private let sharedMemoryBytes: UInt64
  let unnotedExits = UnnotedExits()

  /// Finds out what this host offers. What was found is kept in `directory` until the host restarts.
  ///
  /// Does not fail where there is no podman: then ``HostReport/canRunContainers`` is false.
  public init(directory: String) async throws {
    limits = .current()
    host = try await HostProbe(directory: directory, limits: limits).report()
    globalArguments = host.runtime.map { ["--runtime", $0] } ?? []
    // Data loaders pass batches through it: the usual 64 MB break them. Half of the memory, as tmpfs has it.
    sharedMemoryBytes = UInt64(max(sysconf(Int32(_SC_PHYS_PAGES)), 0)) * UInt64(sysconf(Int32(_SC_PAGESIZE))) / 2
  }

  /// Starts a container and returns when its command runs.
  public func start(_ specification: ContainerSpecification) async throws {
    try writeFile(specification.environmentPath, specification.environmentFile)
    defer { unlink(specification.environmentPath) }
    do {
      try await run(specification)
    } catch ContainerError.refused(_, let cause) where Self.isPassing(cause) {
      try await remove(specification.name)
      try await Task.sleep(for: .seconds(1))
      try await run(specification)
    } catch let error as ContainerError {
      guard case .interrupted = error, let processes = ContainerProcesses.find(specification.name),
        try await processes.hasBegun()
      else { throw error }
      // It did what it was to do but for noting it. The exit code is where it stays for a moment only.
      unnotedExits.watch(specification.name, processes)
    }
  }

  /// Whether a container that could not be started, and whose command has not begun, can be at another try.
  private static func isPassing(_ cause: String) -> Bool {
    // A podman that was killed has taken the name, and noted nothing else.
    cause.contains("is already in use")
      // runc can't tell where it is while the working directory's file system is between two servers.
      || cause.contains("current working directory is outside of container mount namespace root")
  }

  private func run(_ specification: ContainerSpecification) async throws {
    let arguments = specification.arguments(on: host, limits: limits, sharedMemoryBytes: sharedMemoryBytes)
    // conmon leaves a file `oom` where it was started when the memory limit is met: beside the log is a place for it.
    let directory = specification.logPath.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
    try await podman("start container \(specification.name)", ["run"] + arguments, in: directory, seconds: 120)
  }

  /// What podman knows of a container; nil: there is none of this name.
  public func status(of name: String) async throws -> ContainerStatus? {
    let result = try await run(
      "inspect container \(name)", ["container", "inspect", "--format", ContainerStatus.format, name], seconds: 60)
    if result.status != 0 {
      if result.error.contains("no such container") { return nil }
      throw ContainerError.refused(tried: "inspect container \(name)", cause: result.complaint)
    }
    guard let status = ContainerStatus(parsing: result.output) else {
      throw ContainerError.refused(
        tried: "inspect container \(name)", cause: "it answered \"\(result.output.trimmed)\", which is not understood")
    }
    return status
  }

  /// The names of all containers with this label, running or not.
  public func containers(label: String, value: String) async throws -> [String] {
    let result = try await podman(
      "list containers", ["ps", "--all", "--filter", "label=\(label)=\(value)", "--format", "{{.Names}}"], seconds: 60)
    return result.output.split(whereSeparator: \.isNewline).map(String.init)
  }

  /// Sends a signal to a container's command. One that has ended, or is gone, is left as it is.
  public func signal(_ name: String, _ signal: Int32) async throws {
    let tried = "send signal \(signal) to container \(name)"
    let result = try await run(tried, ["kill", "--signal", "\(signal)", name], seconds: 60)
    guard result.status != 0 else { return }
    let harmless = ["no such container", "not running", "can only kill running containers", "no such process"]
    let complaint = result.complaint
    // Where podman was killed before it had noted the start.
    if complaint.contains("can only kill running containers"), let processes = ContainerProcesses.find(name) {
      processes.command?.send(signal)
    }
    guard harmless.contains(where: complaint.contains) else {
      throw ContainerError.refused(tried: tried, cause: complaint)
    }
  }

  /// Removes a container, and ends it first if it still runs. Does nothing if there is none.
  /// - Parameter grace: seconds between SIGTERM and SIGKILL.
  public func remove(_ name: String, grace: Int = 0) async throws {
    let arguments = ["rm", "--force", "--ignore", "--time", "\(grace)", name]
    // Where a container's monitor was killed the first try fails, but corrects podman's records.
    if try await run("remove container \(name)", arguments, seconds: 120 + grace).status != 0 {
      try await podman("remove container \(name)", arguments, seconds: 120 + grace)
    }
    // A podman that was killed while it started the container has noted neither its monitor nor its processes.
    if let processes = ContainerProcesses.find(name) { try await processes.end() }
    MemoryCgroup(container: name, host: host)?.remove()
  }

  @discardableResult
  func podman(
    _ tried: String, _ arguments: [String], in directory: String = "/", seconds: Int
  ) async throws -> Command.Result {
    let result = try await run(tried, arguments, in: directory, seconds: seconds)
    guard result.status == 0 else { throw ContainerError.refused(tried: tried, cause: result.complaint) }
    return result
  }

  /// - Parameter line: called with each line that podman writes to standard error, as it comes.
  func run(
    _ tried: String, _ arguments: [String], in directory: String = "/", seconds: Int,
    line: (@Sendable (String) async -> Void)? = nil
  ) async throws -> Command.Result {
    guard host.canRunContainers else {
      let failures = host.findings.filter { $0.level == .failure }.map(\.message)
      throw ContainerError.hostUnfit(failures.joined(separator: "; "))
    }
    do {
      let result = try await Command.run(
        ["podman"] + globalArguments + arguments, in: directory, timeLimit: .seconds(seconds), line: line)
      // By others: a podman that crashes would do so again.
      if let signal = result.signal, [SIGKILL, SIGTERM, SIGINT, SIGHUP].contains(signal) {
        throw ContainerError.interrupted(tried: tried, signal: signal)
      }
      return result
    } catch is Command.TimeLimitExceeded {
      throw ContainerError.timedOut(tried: tried, seconds: seconds)
    } catch let error as SubprocessError {
      throw ContainerError.refused(tried: tried, cause: "\(error)")
    }
  }
}
