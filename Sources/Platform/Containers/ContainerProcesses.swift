import Glibc

/// A container's processes as the kernel knows them. What podman has written down may be less: when it is killed
/// between an act and the note of it, the note is missing.
struct ContainerProcesses: Sendable {
  /// conmon, which keeps the log and learns the exit code.
  let monitor: HostProcess
  /// Of the OCI runtime.
  let identifier: String
  /// The OCI runtime's program.
  let runtime: String
  /// Where the monitor writes the exit code.
  let exitFile: String

  /// nil: no monitor runs for a container of this name.
  static func find(_ name: String) -> ContainerProcesses? {
    for process in HostProcess.outsideContainers(running: "conmon") {
      let words = process.arguments
      // Those of `podman exec` bear the container's name, too.
      guard word(after: "-n", in: words) == name[...], !words.contains("--exec-process-spec"),
        let identifier = word(after: "-c", in: words),
        let runtime = word(after: "-r", in: words),
        let directory = word(after: "--exit-dir", in: words)
      else { continue }
      return ContainerProcesses(
        monitor: process, identifier: String(identifier), runtime: String(runtime),
        exitFile: "\(directory)/\(identifier)")
    }
    return nil
  }

  /// The first process in the container; nil: it has ended.
  var command: HostProcess? { monitor.children.first }

  /// Whether the container's command has begun to run, for certain: one of the runtime's commands that podman called
  /// and left behind when it was killed is waited for.
  func hasBegun() async throws -> Bool {
    let deadline = ContinuousClock.now + .seconds(60)
    while runtimeCommandRuns, .now < deadline {
      try await Task.sleep(for: .milliseconds(10))
    }
    let state = try await Command.run([runtime, "state", identifier], timeLimit: .seconds(60))
    // The runtime's `created` means that the first process waits to be told to run the command.
    return state.status == 0 && !state.output.contains(/"status": *"created"/)
  }

  /// Ends what is left of a container that podman has forgotten.
  func end() async throws {
    // The monitor of one that was running is on its way.
    if try await monitorEnds(within: .seconds(1)) { return }
    _ = try await Command.run([runtime, "delete", "--force", identifier], timeLimit: .seconds(60))
    while try await !monitorEnds(within: .seconds(10)) { monitor.send(SIGKILL) }
  }

  private func monitorEnds(within time: Duration) async throws -> Bool {
    let deadline = ContinuousClock.now + time
    while monitor.isAlive {
      if .now > deadline { return false }
      try await Task.sleep(for: .milliseconds(10))
    }
    return true
  }

  private var runtimeCommandRuns: Bool {
    guard let program = runtime.split(separator: "/").last else { return false }
    return HostProcess.outsideContainers(running: String(program)).contains { $0.arguments.last == identifier[...] }
  }

  private static func word(after option: Substring, in words: [Substring]) -> Substring? {
    guard let index = words.firstIndex(of: option), index + 1 < words.count else { return nil }
    return words[index + 1]
  }
}
