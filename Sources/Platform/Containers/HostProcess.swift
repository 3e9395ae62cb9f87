import Glibc

/// A process of this host that is not our child. Its number may be given to another once it has
/// ended; when it was started tells them apart.
struct HostProcess: Sendable {
  let pid: Int32
  private let startTicks: Substring

  /// nil: there is none.
  init?(pid: Int32) {
    guard pid > 0, let ticks = Self.startTicks(pid) else { return nil }
    self.pid = pid
    startTicks = ticks
  }

  var isAlive: Bool { Self.startTicks(pid) == startTicks }

  /// Field 22 of proc(5)'s stat; nil for what has ended, be it buried or not.
  private static func startTicks(_ pid: Int32) -> Substring? {
    // The second field, the program's name, is in parentheses and may contain anything.
    guard let stat = readFile("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
    return fields[19]
  }
}
