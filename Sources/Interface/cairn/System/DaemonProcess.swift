import Glibc
import Linux

/// A daemon that this program has started.
///
/// It is in a process group of its own, so that Ctrl-C in the terminal reaches this program alone,
/// which stops the daemons in their order.
struct DaemonProcess: Sendable {
  let name: String
  let processID: pid_t
  /// How it ended.
  let ending: Task<DaemonEnding, Never>

  /// - Throws: `SystemError` if it cannot be started.
  init(program: String, arguments: [String]) throws {
    name = String(program[(program.lastIndex(of: "/").map { program.index(after: $0) } ?? program.startIndex)...])
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setpgroup(&attributes, 0)
    // This program ignores the signals that it waits for, and a child would inherit that.
    var defaults = sigset_t()
    sigemptyset(&defaults)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&defaults, number) }
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))
    let words = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var processID = pid_t()
    let code = posix_spawn(&processID, program, nil, &attributes, words, environ)
    if code != 0 { throw SystemError("posix_spawn", program, code) }
    self.processID = processID
    let child = processID
    ending = Task {
      await withCheckedContinuation { continuation in
        _ = WorkerThread(name: "wait") {
          var status: Int32 = 0
          while waitpid(child, &status, 0) < 0 && errno == EINTR {}
          continuation.resume(returning: DaemonEnding(status: status))
        }
      }
    }
  }

  func signal(_ number: Int32) { kill(processID, number) }

  /// Asks it to end, and kills it where it has not within `limit`.
  /// - Returns: whether it ended by itself.
  func stop(within limit: Duration) async -> Bool {
    signal(SIGTERM)
    let killer = Task {
      try await Task.sleep(for: limit)
      signal(SIGKILL)
    }
    defer { killer.cancel() }
    return await ending.value != .killed(SIGKILL)
  }
}

/// How a process ended.
enum DaemonEnding: Equatable, Sendable, CustomStringConvertible {
  case exited(Int32)
  case killed(Int32)

  init(status: Int32) {
    let signal = status & 0x7F
    self = signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal)
  }

  var description: String {
    switch self {
    case .exited(let code): "exit code \(code)"
    case .killed(let signal): "signal \(signal)"
    }
  }
}
