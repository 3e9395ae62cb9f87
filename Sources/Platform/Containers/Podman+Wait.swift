/// How a container ended.
public enum ContainerEnd: Hashable, Sendable {
  /// `exitCode`: 128 and the signal's number where a signal ended it. `at`: nanoseconds since 1970.
  case ended(exitCode: Int32, outOfMemory: Bool, at: Int64)
  /// Nobody knows: it is gone, or its monitor was killed.
  case vanished
}

extension Podman {
  /// Waits until a container has ended.
  ///
  /// Looks at the monitor's process some times a second: that costs microseconds, where `podman wait`
  /// costs a process for as long as the container runs, and hangs if the monitor was killed.
  /// - Parameter memoryLimit: the container's, if it has one.
  public func wait(for name: String, memoryLimit: UInt64?) async throws -> ContainerEnd {
    var monitorIsGone = false
    while let status = try await status(of: name) {
      switch status.phase {
      case .created: return .vanished
      case .ended(let exitCode, var outOfMemory, let time):
        // 137: killed. Nobody but the kernel does so to a container whose memory is full; see MemoryCgroup.
        if let memoryLimit, exitCode == 137, let cgroup = MemoryCgroup(container: name, host: host) {
          outOfMemory = outOfMemory || cgroup.reached(limit: memoryLimit)
        }
        return .ended(exitCode: exitCode, outOfMemory: outOfMemory, at: time)
      case .running:
        if let monitor = HostProcess(pid: status.monitorPID) {
          try await ended(monitor)
        } else if monitorIsGone {
          // The command runs on without a monitor: its exit code will reach nobody.
          if let process = HostProcess(pid: status.pid) { try await ended(process) }
          return .vanished
        } else {
          // podman may be writing the end down in this moment.
          monitorIsGone = true
          try await Task.sleep(for: .seconds(1))
        }
      }
    }
    return .vanished
  }

  private func ended(_ process: HostProcess) async throws {
    // Short commands are noticed at once, long ones cost next to nothing.
    var pause = Duration.milliseconds(5)
    while process.isAlive {
      try await Task.sleep(for: pause)
      pause = min(pause * 2, .milliseconds(200))
    }
  }
}
