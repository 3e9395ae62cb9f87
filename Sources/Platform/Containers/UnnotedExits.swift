import Synchronization

/// The exit codes of containers whose start podman has not noted, because it was killed over it.
///
/// podman, which the monitor calls at the container's end, then deletes the file with the exit code some 50 ms after it was
/// written: it has to be looked for more often than that, from the first moment on.
final class UnnotedExits: Sendable {
  private enum Exit {
    case awaited
    /// nil: it is lost.
    case known(Int32?)
  }

  private let exits = Mutex<[String: Exit]>([:])

  /// Begins to look, if that was not begun before.
  func watch(_ container: String, _ processes: ContainerProcesses) {
    let isNew = exits.withLock { $0.updateValue($0[container] ?? .awaited, forKey: container) == nil }
    guard isNew else { return }
    Task {
      let code = try? await Self.code(of: processes)
      exits.withLock { $0[container] = .known(code) }
    }
  }

  /// Waits for a container's exit code; nil: it is lost, or nobody looks for it.
  func code(of container: String) async throws -> Int32? {
    while true {
      switch exits.withLock({ $0[container] }) {
      case nil: return nil
      case .known(let code): return code
      case .awaited: try await Task.sleep(for: .milliseconds(20))
      }
    }
  }

  private static func code(of processes: ContainerProcesses) async throws -> Int32? {
    while true {
      let isLast = !processes.monitor.isAlive
      if let code = readFile(processes.exitFile).flatMap({ Int32($0.trimmed) }) { return code }
      if isLast { return nil }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}
