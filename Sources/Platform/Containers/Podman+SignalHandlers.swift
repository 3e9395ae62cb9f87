extension Podman {
  /// Whether a container's command has a handler for a signal; one that has none would be killed by it.
  public func handles(_ signal: Int32, _ name: String) async throws -> Bool {
    guard let pid = try await status(of: name)?.pid, pid > 0 else { return false }
    // The first process may be podman's own, which passes signals on to its child.
    let children = readFile("/proc/\(pid)/task/\(pid)/children") ?? ""
    let processes = [pid] + children.split(separator: " ").compactMap { Int32($0) }
    return processes.contains { caughtSignals(readFile("/proc/\($0)/status") ?? "") & (1 << (signal - 1)) != 0 }
  }
}

/// The mask of the signals that a process has handlers for, of its `/proc/<pid>/status`.
func caughtSignals(_ status: String) -> UInt64 {
  let prefix = "SigCgt:"
  guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(prefix) }) else { return 0 }
  return UInt64(line.dropFirst(prefix.count).filter { !$0.isWhitespace }, radix: 16) ?? 0
}
