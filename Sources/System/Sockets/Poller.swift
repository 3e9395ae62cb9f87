import Glibc
import Linux
import Synchronization

/// Waits for sockets on behalf of `async` code, on one thread of its own, so that no thread of the
/// cooperative pool blocks.
///
/// `poll` and not `epoll`: a process has at most some hundred connections at a time, and the former
/// needs no state in the kernel that could outlive a closed descriptor.
public final class Poller: Sendable {
  public enum Outcome: Sendable {
    case ready, timedOut, cancelled
  }

  /// The process's only one.
  public static let shared = Poller()

  private struct Waiter {
    let descriptor: Int32
    let events: Int16
    /// By the monotonic clock; nil: waits for ever.
    let deadline: ContinuousClock.Instant?
    let continuation: CheckedContinuation<Outcome, Never>
  }

  private struct State {
    var waiters: [UInt64: Waiter] = [:]
    /// Cancelled before they began to wait.
    var cancelled: Set<UInt64> = []
    var next: UInt64 = 0
  }

  private let state = Mutex(State())
  /// A byte written to the second makes the thread look at `state` again.
  private let wakeUp: (read: Int32, write: Int32)

  private init() {
    var ends: [Int32] = [-1, -1]
    // Without it nothing can be waited for; this happens only where the process is out of descriptors
    // before its first request.
    if socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) != 0
    {
      fatalError("socketpair: \(String(cString: strerror(errno)))")
    }
    wakeUp = (ends[0], ends[1])
    _ = WorkerThread(name: "sockets") { [self] in run() }
  }

  /// Waits until one of `events` (`POLLIN`, `POLLOUT`) or an error is there. The descriptor must stay
  /// open until this returns.
  public func wait(_ descriptor: Int32, for events: Int16, seconds: Double?) async -> Outcome {
    let number = state.withLock { state in
      state.next += 1
      return state.next
    }
    let deadline = seconds.map { ContinuousClock.now + .seconds($0) }
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isCancelled = state.withLock { state in
          if state.cancelled.remove(number) != nil { return true }
          state.waiters[number] = Waiter(
            descriptor: descriptor, events: events, deadline: deadline, continuation: continuation)
          return false
        }
        if isCancelled { continuation.resume(returning: .cancelled) } else { wake() }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        let waiter = state.waiters.removeValue(forKey: number)
        if waiter == nil { state.cancelled.insert(number) }
        return waiter
      }
      waiter?.continuation.resume(returning: .cancelled)
      wake()
    }
    // Cancelled after the wait was over: nobody else would take the mark away.
    _ = state.withLock { $0.cancelled.remove(number) }
    return outcome
  }

  /// Waits `seconds`, or until the task is cancelled. It needs no descriptor: the first `Task.sleep` of a
  /// process that has none left ends it with SIGILL, since libdispatch can't make its timer.
  public func sleep(seconds: Double) async {
    // poll(2) passes over what is below zero.
    _ = await wait(-1, for: 0, seconds: seconds)
  }

  private func wake() {
    var byte: UInt8 = 0
    // EAGAIN: the thread is being woken already.
    _ = write(wakeUp.write, &byte, 1)
  }

  private func run() {
    while true {
      let (numbers, descriptors, deadline) = state.withLock { state in
        let waiters = state.waiters.map { ($0.key, $0.value) }
        return (
          waiters.map(\.0), waiters.map { pollfd(fd: $0.1.descriptor, events: $0.1.events, revents: 0) },
          waiters.compactMap(\.1.deadline).min()
        )
      }
      var entries = [pollfd(fd: wakeUp.read, events: Int16(POLLIN), revents: 0)] + descriptors
      _ = poll(&entries, nfds_t(entries.count), milliseconds(until: deadline))
      if entries[0].revents != 0 { drain() }
      let ready = zip(numbers, entries.dropFirst()).filter { $0.1.revents != 0 }.map(\.0)
      finish(ready: ready)
    }
  }

  private func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
    guard let deadline else { return -1 }
    let seconds = (deadline - .now) / .seconds(1)
    return Int32(min(max(seconds * 1000, 0).rounded(.up), 60_000))
  }

  private func drain() {
    var bytes = [UInt8](repeating: 0, count: 256)
    while read(wakeUp.read, &bytes, bytes.count) > 0 {}
  }

  private func finish(ready: [UInt64]) {
    let now = ContinuousClock.now
    let done = state.withLock { state in
      var done: [(Waiter, Outcome)] = []
      for number in ready {
        if let waiter = state.waiters.removeValue(forKey: number) { done.append((waiter, .ready)) }
      }
      for (number, waiter) in state.waiters {
        if let deadline = waiter.deadline, deadline <= now {
          state.waiters[number] = nil
          done.append((waiter, .timedOut))
        }
      }
      return done
    }
    for (waiter, outcome) in done { waiter.continuation.resume(returning: outcome) }
  }
}
