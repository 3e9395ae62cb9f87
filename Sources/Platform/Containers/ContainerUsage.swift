/// What a container has used, as the kernel counts it.
public struct ContainerUsage: Hashable, Sendable {
  /// Of all processors together, since it was started.
  public var processorNanoseconds: UInt64
  /// Without what the kernel only keeps as long as nobody else needs the room.
  public var memoryBytes: UInt64

  /// Reads the control groups of a process, of either version. nil: the process is gone.
  /// - Parameter pid: of the container's command, on the host.
  public static func read(pid: Int32) -> ContainerUsage? {
    guard let text = readFile("/proc/\(pid)/cgroup") else { return nil }
    let groups = CgroupPaths(parsing: text)
    guard let processor = groups.processorNanoseconds, let memory = groups.memoryBytes else { return nil }
    return ContainerUsage(processorNanoseconds: processor, memoryBytes: memory)
  }
}

/// Where a process's control groups lie.
struct CgroupPaths: Equatable {
  private static let root = "/sys/fs/cgroup"

  /// By controller, of version 1. A line has them as `4:cpu,cpuacct:/path`.
  var controllers: [String: String] = [:]
  /// Of version 2, whose line is `0::/path`.
  var unified: String?

  init(parsing text: String) {
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      if fields[0] == "0" { unified = String(fields[2]) }
      for controller in fields[1].split(separator: ",") { controllers[String(controller)] = String(fields[2]) }
    }
  }

  var processorNanoseconds: UInt64? {
    // Each controller of version 1 has a link of its own name, also where it is mounted together with another.
    if let path = controllers["cpuacct"] { return number("\(Self.root)/cpuacct\(path)/cpuacct.usage") }
    return unified.flatMap { Self.value("usage_usec", readFile("\(Self.root)\($0)/cpu.stat")) }.map { $0 * 1000 }
  }

  var memoryBytes: UInt64? {
    if let path = controllers["memory"] {
      return used("\(Self.root)/memory\(path)", "memory.usage_in_bytes", inactive: "total_inactive_file")
    }
    return unified.flatMap { used("\(Self.root)\($0)", "memory.current", inactive: "inactive_file") }
  }

  private func used(_ directory: String, _ file: String, inactive: String) -> UInt64? {
    guard let all = number("\(directory)/\(file)") else { return nil }
    let cached = Self.value(inactive, readFile("\(directory)/memory.stat")) ?? 0
    return all - min(cached, all)
  }

  private func number(_ path: String) -> UInt64? { readFile(path).flatMap { UInt64($0.trimmed) } }

  /// The value of a line `key value`.
  static func value(_ key: String, _ text: String?) -> UInt64? {
    for line in text?.split(separator: "\n") ?? [] {
      let words = line.split(separator: " ")
      if words.count == 2, words[0] == key { return UInt64(words[1]) }
    }
    return nil
  }
}
