import CFuse3
import CLinux
import Glibc
import Linux
import Synchronization

/// Brings the kernel's requests to the workers: one of them at a time reads, and the others rest.
///
/// While requests follow each other closely, the worker that has answered one looks for the next for a
/// while before it sleeps, because waking a thread on another processor costs more than most requests:
/// on a virtual machine with two of them a request and its answer took 18 to 40 µs, as chance placed
/// the threads, when workers slept in read(2), and 17 to 21 µs since.
///
/// The turn to read goes on to another worker when requests come faster than one worker answers them,
/// and before a worker waits for something else: ``pass()``. Thread-safe.
public final class RequestReceiver: Sendable {
  /// Nanoseconds that a worker looks for the next request. Programs that work on many files need less
  /// between two.
  private static let patience: UInt64 = 100_000
  /// It looks only if the request before came within so many nanoseconds, the time of waking included:
  /// a compiler that reads a file now and then shall have the processor for itself.
  private static let closeEnough: UInt64 = 150_000
  /// So many requests in a row are to be there at once before another worker is woken for them: it costs
  /// more than an answer or two, and a single program may be back before its answer has been sent.
  private static let busyAfter = 3
  /// A thread from which so many requests in a row came is the only one that asks: see ``passToOthers()``.
  private static let aloneAfter = 32

  private let descriptor: Int32
  private let isStopping = Atomic(false)
  private let turn = Monitor(Turn())

  private struct Turn {
    /// The worker that reads, or handles what it has read and will read on.
    var holder: pthread_t?
    /// Workers that may be in a system call that only a signal ends.
    var waiting: Set<pthread_t> = []
    /// How long the last request was waited for.
    var lastWait = UInt64.max
    /// Requests in a row that were there at once.
    var immediate = 0
    /// The thread that the last request came from, and how many requests came from it alone.
    var caller: UInt32 = 0
    var fromCaller = 0
  }

  public enum Failure: Error {
    /// The mount is gone, or the receiver was told to stop.
    case ended
    case failed(SystemError)
  }

  /// Reads from `descriptor` from now on, without blocking: the flag is set for all who share it.
  public init(descriptor: Int32) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }

  /// Waits for a request and reads it into `memory`; returns its bytes.
  public func next(into memory: UnsafeMutableRawBufferPointer) throws(Failure) -> UnsafeRawBufferPointer {
    var lastWait = takeTurn()
    do throws(Failure) {
      let count = try read(into: memory, &lastWait)
      let caller = Self.caller(memory, count)
      let inARow = turn.withLock { turn in
        turn.lastWait = lastWait
        turn.fromCaller = turn.caller == caller ? turn.fromCaller + 1 : 0
        turn.caller = caller
        turn.immediate = lastWait == 0 ? turn.immediate + 1 : 0
        return turn.immediate
      }
      if inARow > Self.busyAfter && isReadable(timeout: 0) { pass() }
      return UnsafeRawBufferPointer(rebasing: memory[..<count])
    } catch {
      pass()
      throw error
    }
  }

  /// Lets another worker read, if it is the caller's turn: to be called before it waits for a disk or
  /// another thread.
  public func pass() {
    let isPassed = turn.withLock { turn in
      guard turn.holder == pthread_self() else { return false }
      turn.holder = nil
      return true
    }
    if isPassed { turn.wakeOne() }
  }

  /// As ``pass()``, unless all requests have come from one thread for a while, which waits for the answer
  /// anyway. An append of 4 KiB and its fsync took 207 to 227 µs so, and 223 to 253 when a worker was woken
  /// for each (three runs in turn, virtual machine). Another thread that comes just then waits for one access
  /// to the disk, once.
  public func passToOthers() {
    let isAlone = turn.withLock { $0.fromCaller > Self.aloneAfter }
    if !isAlone { pass() }
  }

  /// The thread that a request comes from; 0: it is none.
  private static func caller(_ memory: UnsafeMutableRawBufferPointer, _ count: Int) -> UInt32 {
    guard count >= MemoryLayout<fuse_in_header>.size else { return 0 }
    return memory.loadUnaligned(as: fuse_in_header.self).pid
  }

  /// Makes ``next(into:)`` throw ``Failure/ended`` in all threads, for ever. A thread in a system call
  /// learns of it from ``WakeSignal``, which may come just before the call: to be repeated until all have ended.
  func stop() {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    turn.wakeAll()
    // Under the lock, so that no thread that is signalled has ended.
    turn.withLock { turn in
      for thread in turn.waiting { pthread_kill(thread, WakeSignal.number) }
    }
  }

  /// Returns how long the last request was waited for.
  private func takeTurn() -> UInt64 {
    let me = pthread_self()
    return turn.wait { turn -> UInt64? in
      if turn.holder == nil { turn.holder = me }
      return turn.holder == me || self.isStopping.load(ordering: .relaxed) ? turn.lastWait : nil
    } ?? .max
  }

  /// Returns how many bytes came. `wait` is how long the request before was waited for, and then how
  /// long this one was; 0: it was there at once.
  private func read(into memory: UnsafeMutableRawBufferPointer, _ wait: inout UInt64) throws(Failure) -> Int {
    let isWorthLooking = wait < Self.closeEnough
    var looks = 0
    var start: UInt64 = 0
    while !isStopping.load(ordering: .relaxed) {
      let count = Glibc.read(descriptor, memory.baseAddress!, memory.count)
      if count >= 0 {
        wait = start == 0 ? 0 : max(1, cairn_monotonic_nanoseconds() - start)
        return count
      }
      switch errno {
      case EAGAIN:
        looks += 1
        let now = cairn_monotonic_nanoseconds()
        if start == 0 { start = now }
        if isWorthLooking && now - start < Self.patience {
          cairn_relax(10)
          // Where there are fewer processors than work, the program that is waited for needs this one.
          if looks % 8 == 0 { sched_yield() }
        } else {
          sleepUntilReadable()
        }
      // ENOENT: the request was withdrawn while it was read.
      case EINTR, ENOENT: continue
      case ENODEV, ECONNABORTED: throw .ended
      default: throw .failed(SystemError("read", "/dev/fuse"))
      }
    }
    throw .ended
  }

  private func sleepUntilReadable() {
    let me = pthread_self()
    turn.withLock { _ = $0.waiting.insert(me) }
    defer { turn.withLock { _ = $0.waiting.remove(me) } }
    if isStopping.load(ordering: .sequentiallyConsistent) { return }
    // Also ends by a signal, or when the mount is gone: the read that follows tells.
    _ = isReadable(timeout: -1)
  }

  /// Waits up to `timeout` milliseconds for a request, or without end if it is negative.
  private func isReadable(timeout: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, timeout) > 0
  }
}
