import Glibc

extension Podman {
  /// How far a container has come, whatever podman has noted of it.
  public enum Progress: Sendable {
    /// There is none of this name.
    case absent
    /// Its command has never run, and never will unless somebody starts it.
    case prepared
    /// Its command runs or has run.
    case begun
  }

  /// Looks beyond podman's own records: a podman that is killed between starting a command and noting it leaves a
  /// container that it takes for one that was never started.
  public func progress(of name: String) async throws -> Progress {
    guard let status = try await status(of: name) else { return .absent }
    guard status.phase == .created else { return .begun }
    if let processes = ContainerProcesses.find(name) { return try await processes.hasBegun() ? .begun : .prepared }
    // A process that is noted and gone: nobody can say that it did nothing.
    return status.pid == 0 ? .prepared : .begun
  }

  /// Waits until no podman starts a container with this label any more: one that an earlier daemon called goes on when
  /// that daemon is killed, and would collide with its successor's.
  public func settle(label: String, value: String) async throws {
    let word = "\(label)=\(value)"
    let deadline = ContinuousClock.now + .seconds(120)
    while true {
      let commands = HostProcess.outsideContainers(running: "podman").filter { process in
        let words = process.arguments
        return words.contains(word[...]) && words.contains("run")
      }
      if commands.isEmpty { return }
      if .now > deadline { for command in commands { command.send(SIGKILL) } }
      try await Task.sleep(for: .milliseconds(20))
    }
  }
}
