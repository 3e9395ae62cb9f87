import Synchronization

/// How many requests of each kind have been answered, for metrics and for tests of what an operation
/// costs. Thread-safe.
final class RequestCounters: Sendable {
  /// By operation code, as the kernel's `<linux/fuse.h>` numbers them.
  private static let names: [String?] = [
    nil, "LOOKUP", "FORGET", "GETATTR", "SETATTR", "READLINK", "SYMLINK", nil, "MKNOD", "MKDIR", "UNLINK", "RMDIR",
    "RENAME", "LINK", "OPEN", "READ", "WRITE", "STATFS", "RELEASE", nil, "FSYNC", "SETXATTR", "GETXATTR", "LISTXATTR",
    "REMOVEXATTR", "FLUSH", "INIT", "OPENDIR", "READDIR", "RELEASEDIR", "FSYNCDIR", "GETLK", "SETLK", "SETLKW",
    "ACCESS", "CREATE", "INTERRUPT", "BMAP", "DESTROY", "IOCTL", "POLL", "NOTIFY_REPLY", "BATCH_FORGET", "FALLOCATE",
    "READDIRPLUS", "RENAME2", "LSEEK", "COPY_FILE_RANGE", "SETUPMAPPING", "REMOVEMAPPING", "SYNCFS", "TMPFILE",
    "STATX", "COPY_FILE_RANGE_64",
  ]

  private final class Counter: Sendable {
    let value = Atomic<UInt64>(0)
  }

  private let counters = RequestCounters.names.map { _ in Counter() }
  private let resent = Counter()

  func count(_ opcode: UInt32, isResent: Bool) {
    if isResent { resent.value.wrappingAdd(1, ordering: .relaxed) }
    guard Int(opcode) < counters.count else { return }
    counters[Int(opcode)].value.wrappingAdd(1, ordering: .relaxed)
  }

  /// Those that are not 0, by name. Those that the kernel sent again after a takeover count as RESENT too.
  var all: [String: UInt64] {
    var result: [String: UInt64] = [:]
    let again = resent.value.load(ordering: .relaxed)
    if again > 0 { result["RESENT"] = again }
    for (name, counter) in zip(RequestCounters.names, counters) {
      let value = counter.value.load(ordering: .relaxed)
      if let name, value > 0 { result[name] = value }
    }
    return result
  }
}
