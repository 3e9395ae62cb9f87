/// Limits that this process, and so every container that it starts, is under.
struct HostLimits: Hashable, Codable, Sendable {
  /// The highest limits that may be set.
  var openFiles: UInt64
  var processes: UInt64
  /// Whether memory may be locked without limit, as GPU drivers like to.
  var lockedMemory: Bool

  static func current() -> HostLimits {
    let raises = hasCapability(24)
    // podman lowers its own limit on processes to the highest process number, and its children's with it.
    let highestPID = readFile("/proc/sys/kernel/pid_max").flatMap { UInt64($0.trimmed) } ?? 32768
    let limit: UInt64 = 1_048_576
    return HostLimits(
      openFiles: raises ? limit : min(limit, hardLimit("Max open files")),
      processes: raises ? limit : min(limit, highestPID, hardLimit("Max processes")),
      lockedMemory: raises || hardLimit("Max locked memory") == UInt64.max)
  }

  /// Options for `podman run`. Without them podman sets limits of its own, which a process without
  /// CAP_SYS_RESOURCE may not set.
  var arguments: [String] {
    var arguments = [
      "--ulimit", "nofile=\(openFiles):\(openFiles)", "--ulimit", "nproc=\(processes):\(processes)",
    ]
    if lockedMemory { arguments += ["--ulimit", "memlock=-1:-1"] }
    return arguments
  }

  /// `name`: as /proc/self/limits spells it. No limit is the highest number.
  private static func hardLimit(_ name: String) -> UInt64 {
    guard let line = readFile("/proc/self/limits")?.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else {
      return 1024
    }
    let columns = line.dropFirst(name.count).split(separator: " ")
    guard columns.count >= 2 else { return 1024 }
    return columns[1] == "unlimited" ? UInt64.max : UInt64(columns[1]) ?? 1024
  }

  /// `capability`: its number in capabilities(7).
  private static func hasCapability(_ capability: Int) -> Bool {
    guard let status = readFile("/proc/self/status"),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
      let mask = UInt64(line.dropFirst(7).trimmed, radix: 16)
    else { return false }
    return mask >> UInt64(capability) & 1 == 1
  }
}
