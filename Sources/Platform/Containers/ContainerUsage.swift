/// What a container has used, as the kernel counts it.
public struct ContainerUsage: Hashable, Sendable {
  /// Of all processors together, since it was started.
  public var processorNanoseconds: UInt64
  /// Without what the kernel only keeps as long as nobody else needs the room.
  public var memoryBytes: UInt64
  /// What it has read from disks and written to them, since it was started; nil: the kernel does not count it here.
  public var readBytes: UInt64?
  public var writtenBytes: UInt64?

  /// Reads the control groups of a process, of either version. nil: the process is gone.
  /// - Parameter pid: of the container's command, on the host.
  public static func read(pid: Int32) -> ContainerUsage? {
    guard let text = readFile("/proc/\(pid)/cgroup") else { return nil }
    let groups = CgroupPaths(parsing: text)
    guard let processor = groups.processorNanoseconds, let memory = groups.memoryBytes else { return nil }
    let (read, written) = groups.diskBytes
    return ContainerUsage(
      processorNanoseconds: processor, memoryBytes: memory, readBytes: read, writtenBytes: written)
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

  /// Of all disks together.
  var diskBytes: (read: UInt64?, written: UInt64?) {
    if let path = controllers["blkio"] {
      guard let text = readFile("\(Self.root)/blkio\(path)/blkio.throttle.io_service_bytes") else { return (nil, nil) }
      // Lines such as "8:0 Read 4096".
      let lines = text.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count == 3 }
      func sum(_ kind: Substring) -> UInt64 {
        lines.filter { $0[1] == kind }.reduce(0) { $0 &+ (UInt64($1[2]) ?? 0) }
      }
      return (sum("Read"), sum("Write"))
    }
    guard let text = unified.flatMap({ readFile("\(Self.root)\($0)/io.stat") }) else { return (nil, nil) }
    // Lines such as "8:0 rbytes=4096 wbytes=0 rios=1 wios=0".
    func sum(_ key: String) -> UInt64 {
      text.split(whereSeparator: \.isWhitespace).filter { $0.hasPrefix(key + "=") }
        .reduce(0) { $0 &+ (UInt64($1.dropFirst(key.count + 1)) ?? 0) }
    }
    return (sum("rbytes"), sum("wbytes"))
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
