import CLinux
import Glibc

/// A process of this host that is not our child. Its number may be given to another once it has
/// ended; when it was started tells them apart.
public struct HostProcess: Hashable, Sendable {
  public let pid: Int32
  /// When it was started, in clock ticks since the host was: field 22 of proc(5)'s stat.
  public let startTicks: UInt64

  /// nil: there is none, or it has ended and is not buried yet.
  public init?(pid: Int32) {
    guard pid > 0, let ticks = Self.startTicks(pid) else { return nil }
    self.pid = pid
    startTicks = ticks
  }

  /// One that was seen before, and may have ended.
  public init(pid: Int32, startTicks: UInt64) {
    self.pid = pid
    self.startTicks = startTicks
  }

  public var isAlive: Bool { Self.startTicks(pid) == startTicks }

  /// How it ended, in the form of wait(2), while nobody has waited for it; nil: it has not, or somebody has.
  var unburiedStatus: Int32? {
    // To others than root the kernel shows 0.
    guard geteuid() == 0, let fields = Self.status(pid), fields.count > 49, fields[0] == "Z",
      UInt64(fields[19]) == startTicks
    else { return nil }
    return Int32(fields[49])
  }

  /// The words of its command line; empty: it has ended, or is one of the kernel's.
  var arguments: [Substring] {
    (readFile("/proc/\(pid)/cmdline") ?? "").split(separator: "\0", omittingEmptySubsequences: false).dropLast()
  }

  /// The name of the file that it runs; nil: it has ended, or is another user's.
  var program: Substring? {
    // A package that is upgraded leaves running programs without a name.
    let suffix = " (deleted)"
    guard let path = linkTarget("/proc/\(pid)/exe") else { return nil }
    return (path.hasSuffix(suffix) ? path.dropLast(suffix.count) : path[...]).split(separator: "/").last
  }

  /// Its children, of all its threads.
  var children: [HostProcess] {
    directoryEntries("/proc/\(pid)/task").flatMap { thread in
      (readFile("/proc/\(pid)/task/\(thread)/children") ?? "").split(separator: " ")
        .compactMap { Int32($0).flatMap { HostProcess(pid: $0) } }
    }
  }

  /// Sends a signal to it and to no other, even if it ends meanwhile. Nothing happens if it has ended.
  func send(_ signal: Int32) {
    let descriptor = cairn_pidfd_open(pid)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // The descriptor is of whoever has the number now, and stays that one's.
    if isAlive { _ = cairn_pidfd_send_signal(descriptor, signal) }
  }

  /// Returns when it has ended.
  func ended() async throws {
    // Short commands are noticed at once, long ones cost next to nothing.
    var pause = Duration.milliseconds(5)
    while isAlive {
      try await Task.sleep(for: pause)
      pause = min(pause * 2, .milliseconds(200))
    }
  }

  /// All processes of this host that have a command line.
  static func all() -> [HostProcess] {
    directoryEntries("/proc").compactMap { Int32($0).flatMap { HostProcess(pid: $0) } }
  }

  /// Those of ``all()`` that run `program` and are in no container.
  ///
  /// A command line is whatever a program likes to have there: a job that calls itself conmon, with a runtime of its own,
  /// would otherwise have that run as root. The kernel's word is taken for the namespace and for the file.
  static func outsideContainers(running program: String) -> [HostProcess] {
    guard let namespace = linkTarget("/proc/self/ns/pid") else { return [] }
    return all().filter { process in
      linkTarget("/proc/\(process.pid)/ns/pid") == namespace && process.program == program[...]
    }
  }

  private static func startTicks(_ pid: Int32) -> UInt64? {
    guard let fields = status(pid), fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
    return UInt64(fields[19])
  }

  /// The fields of proc(5)'s stat from the third on; nil: there is no such process.
  private static func status(_ pid: Int32) -> [Substring]? {
    // The second field, the program's name, is in parentheses and may contain anything.
    guard let stat = readFile("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return nil }
    return stat[stat.index(after: end)...].split(whereSeparator: \.isWhitespace)
  }
}
