import Linux

/// How a container ended.
public enum ContainerEnd: Hashable, Sendable {
  /// `exitCode`: 128 and the signal's number where a signal ended it. `at`: nanoseconds since 1970.
  case ended(exitCode: Int32, outOfMemory: Bool, at: Int64)
  /// As above, after its monitor was killed: what it wrote from then on reached nobody.
  case endedUnwatched(exitCode: Int32, outOfMemory: Bool, at: Int64)
  /// Nobody knows, and why; as a part of a sentence.
  case vanished(String)
}

extension Podman {
  /// Waits until a container whose command has begun has ended.
  ///
  /// A monitor that is killed takes the exit code with it; then the kernel is asked for it.
  ///
  /// Looks at the monitor's process some times a second: that costs microseconds, where `podman wait`
  /// costs a process for as long as the container runs, and hangs if the monitor was killed.
  /// - Parameters:
  ///   - memoryLimit: the container's, if it has one.
  ///   - process: its first one, where it was seen earlier: podman's note may be of one that has ended without it.
  public func wait(for name: String, memoryLimit: UInt64?, process: HostProcess? = nil) async throws -> ContainerEnd {
    var monitorIsGone = false
    // From the beginning: of a process that has ended and was waited for nobody can get hold any more.
    let held = process.flatMap { HeldProcess($0) }
    while let status = try await status(of: name) {
      switch status.phase {
      case .created:
        if let processes = ContainerProcesses.find(name) { unnotedExits.watch(name, processes) }
        guard let exitCode = try await unnotedExits.code(of: name) else {
          return .vanished("podman was killed over its start, and nobody has noted how it ended")
        }
        return ended(name, exitCode, memoryLimit: memoryLimit, outOfMemory: false, at: nanosecondsNow())
      case .ended(let exitCode, let outOfMemory, let time):
        return ended(name, exitCode, memoryLimit: memoryLimit, outOfMemory: outOfMemory, at: time)
      case .running:
        if let monitor = HostProcess(pid: status.monitorPID), monitor.isMonitor(of: name) {
          try await monitor.ended()
        } else if monitorIsGone {
          // The command runs on without a monitor, to which its exit code would have gone.
          if let held {
            try await held.ended()
            guard let exitCode = held.exitCode else {
              return .vanished(
                "the process that watched it, conmon, was killed, and this kernel tells its exit code to nobody else "
                  + "(Linux 6.15 does)")
            }
            let outOfMemory = isOutOfMemory(name, exitCode, memoryLimit: memoryLimit)
            return .endedUnwatched(exitCode: exitCode, outOfMemory: outOfMemory, at: nanosecondsNow())
          }
          // Whose process podman's note is of now is not known for certain.
          if process == nil, let command = HostProcess(pid: status.pid) { try await command.ended() }
          return .vanished("neither the process that watched it, conmon, nor cairnd was there when it ended")
        } else {
          // podman may be writing the end down in this moment.
          monitorIsGone = true
          try await Task.sleep(for: .seconds(1))
        }
      }
    }
    return .vanished("its container is gone")
  }

  /// A container's first process; nil: it has none.
  /// - Parameter status: what podman knows of the container.
  public func process(of name: String, _ status: ContainerStatus?) -> HostProcess? {
    status.flatMap { HostProcess(pid: $0.pid) } ?? ContainerProcesses.find(name)?.command
  }

  private func ended(
    _ name: String, _ exitCode: Int32, memoryLimit: UInt64?, outOfMemory: Bool, at time: Int64
  ) -> ContainerEnd {
    let outOfMemory = outOfMemory || isOutOfMemory(name, exitCode, memoryLimit: memoryLimit)
    return .ended(exitCode: exitCode, outOfMemory: outOfMemory, at: time)
  }

  private func isOutOfMemory(_ name: String, _ exitCode: Int32, memoryLimit: UInt64?) -> Bool {
    // 137: killed. Nobody but the kernel does so to a container whose memory is full; see MemoryCgroup.
    guard let memoryLimit, exitCode == 137, let cgroup = MemoryCgroup(container: name, host: host) else { return false }
    return cgroup.reached(limit: memoryLimit)
  }
}

extension HostProcess {
  /// Whether it is the monitor of a container of this name: its number may be another's by now.
  fileprivate func isMonitor(of name: String) -> Bool { arguments.contains(name[...]) }
}
