import Glibc
import Linux

/// What the kernel says of this process.
struct ProcessStatistics {
  var residentBytes: UInt64
  var threads: UInt64
  var cpuSeconds: Double

  static func current() throws(SystemError) -> ProcessStatistics {
    var usage = rusage()
    if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) != 0 { throw SystemError("getrusage", "self") }
    let status = try read("/proc/self/status")
    return ProcessStatistics(
      residentBytes: field("VmRSS", status) * 1024, threads: field("Threads", status),
      cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime))
  }

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

  /// The number in a line such as `VmRSS:  1234 kB`.
  private static func field(_ name: String, _ status: String) -> UInt64 {
    let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { UInt64($0) } ?? 0
  }

  private static func read(_ path: String) throws(SystemError) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw SystemError("open", path) }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 16_384)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    if count < 0 { throw SystemError("read", path) }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
