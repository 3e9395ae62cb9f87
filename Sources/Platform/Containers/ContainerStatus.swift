/// What podman knows of a container.
public struct ContainerStatus: Hashable, Sendable {
  public enum Phase: Hashable, Sendable {
    /// Made, but its command has never run.
    case created
    case running
    /// Nanoseconds since 1970.
    case ended(exitCode: Int32, outOfMemory: Bool, at: Int64)
  }

  public let phase: Phase
  /// The process of its command on the host; 0: none.
  public let pid: Int32
  /// The process that watches it and keeps its log; 0: none.
  public let monitorPID: Int32
  /// Nanoseconds since 1970.
  public let startedAt: Int64
  /// Its IPv4 address in the network that it was given; nil: it uses the host's own, or has ended.
  public let address: String?

  static let format =
    "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.FinishedAt.UnixNano}}"
    + " {{.State.StartedAt.UnixNano}} {{.State.Pid}} {{.State.ConmonPid}}"
    + "{{range .NetworkSettings.Networks}} {{.IPAddress}}{{end}}"

  /// Parses what `podman container inspect` says in ``format``.
  init?(parsing text: String) {
    let words = text.split(whereSeparator: \.isWhitespace)
    guard words.count >= 7, let exitCode = Int32(words[1]), let finishedAt = Int64(words[3]),
      let startedAt = Int64(words[4]), let pid = Int32(words[5]), let monitorPID = Int32(words[6])
    else { return nil }
    switch words[0] {
    case "created", "configured", "initialized": phase = .created
    case "running", "paused", "stopping": phase = .running
    case "exited", "stopped", "removing":
      phase = .ended(exitCode: exitCode, outOfMemory: words[2] == "true", at: finishedAt)
    default: return nil
    }
    self.pid = pid
    self.monitorPID = monitorPID
    self.startedAt = startedAt
    address = words.dropFirst(7).map(String.init).first { !$0.contains(":") }
  }
}
