import CLinux
import Glibc

/// A command that `podman exec` runs in a container, known by a mark in its environment, which what it starts has as well:
/// whoever is killed among podman and its helpers, the command is found.
struct ExecutedCommand: Sendable {
  private static let variable = "CAIRN_EXEC_ID"
  /// Within this a podman that was killed over it may still begin it.
  private static let begins = Duration.seconds(1)
  private static let grace = Duration.seconds(2)
  private static let patience = Duration.seconds(10)

  private let identifier = (0..<4).map { _ in String(UInt32.random(in: 0 ... .max), radix: 16) }.joined()

  /// To be put into its environment.
  var mark: String { "\(Self.variable)=\(identifier)" }

  /// Its processes, and those that they have started, the oldest first.
  var processes: [HostProcess] {
    let mark = mark[...]
    return HostProcess.all().filter { $0.environment.contains(mark) }.sorted { $0.startTicks < $1.startTicks }
  }

  /// Ends it, because nobody is there any more for whom it runs.
  /// - Parameter signals: sent first; SIGKILL follows.
  func end(by signals: [Int32]) async {
    let start = ContinuousClock.now
    var told: Set<HostProcess> = []
    while ContinuousClock.now - start < Self.patience {
      let left = processes
      if left.isEmpty && ContinuousClock.now - start > Self.begins { return }
      for process in left {
        if ContinuousClock.now - start > Self.begins + Self.grace {
          process.send(SIGKILL)
        } else if told.insert(process).inserted {
          for signal in signals { process.send(signal) }
        }
      }
      // Never cancelled: it is called by a task of its own.
      try? await Task.sleep(for: .milliseconds(50))
    }
  }

  /// Tells the terminal that it runs in how large it is. Returns false as long as it has not begun.
  func resizeTerminal(rows: UInt16, columns: UInt16) -> Bool {
    guard let process = processes.first else { return false }
    // Through the process, because the terminal is one of the container's own. It may have closed it: then nobody looks.
    for number in 0..<3 {
      let descriptor = open("/proc/\(process.pid)/fd/\(number)", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      if cairn_set_terminal_size(descriptor, rows, columns) == 0 { return true }
    }
    return false
  }
}

extension HostProcess {
  /// As it was when its program began; empty: it has ended, or is one of the kernel's.
  fileprivate var environment: [Substring] { (readFile("/proc/\(pid)/environ") ?? "").split(separator: "\0") }
}
