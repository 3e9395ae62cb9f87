import CLinux
import Glibc
import Synchronization

/// A lock with a condition, for threads that wait for each other. Where nobody waits,
/// `Synchronization.Mutex` is the simpler tool.
///
/// The mutex and the condition live in one heap block that never moves, as POSIX demands.
public final class Monitor<State>: @unchecked Sendable {
  // @unchecked: `state` is touched only inside `withLock` and `Access`, which hold the mutex.
  private var state: State
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  public init(_ state: sending State) {
    self.state = state
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    condition = .allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  @inline(__always)
  public func withLock<Result, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Waits until `ready` returns a value, looking again after each ``wakeAll()`` and at least every
  /// `seconds`. Returns nil when `seconds` have passed without one.
  public func wait<Result>(seconds: Double? = nil, until ready: (inout State) -> Result?) -> Result? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    var deadline = timespec()
    if let seconds {
      clock_gettime(CLOCK_REALTIME, &deadline)
      let nanoseconds = Int(deadline.tv_nsec) + Int(seconds * 1e9)
      deadline.tv_sec += nanoseconds / 1_000_000_000
      deadline.tv_nsec = nanoseconds % 1_000_000_000
    }
    while true {
      if let result = ready(&state) { return result }
      if seconds == nil {
        pthread_cond_wait(condition, mutex)
      } else if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT {
        return ready(&state)
      }
    }
  }

  /// Wakes one of those who wait: for a state that only one of them can take.
  public func wakeOne() { pthread_cond_signal(condition) }

  public func wakeAll() { pthread_cond_broadcast(condition) }
}

/// A thread of its own, for work that blocks: never the cooperative pool, which has a thread a core.
public final class WorkerThread: Sendable {
  private let finished = Monitor(false)

  /// Starts `body` at once. `name` is cut to the 15 bytes that the kernel keeps.
  public init(name: String, _ body: @escaping @Sendable () -> Void) {
    let start = Start(name: name, body: body, finished: finished)
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let code = pthread_create(
      &thread, &attributes,
      { argument in
        let finished = Start.run(argument!)
        finished.withLock { $0 = true }
        finished.wakeAll()
        return nil
      }, Unmanaged.passRetained(start).toOpaque())
    pthread_attr_destroy(&attributes)
    // Without its threads a daemon can do nothing, and this happens only where the host is out of them.
    if code != 0 { fatalError("pthread_create \(name): \(String(cString: strerror(code)))") }
  }

  /// Gives the calling thread a tenth of the share of a processor that others get, where they want it.
  public static func lowerPriority() {
    // 0 is the calling thread, in Linux; it may always be lowered.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
  }

  /// Waits for the body to return. The thread has let go of the body by then.
  public func join() {
    _ = finished.wait { $0 ? true : nil }
  }

  private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void
    let finished: Monitor<Bool>

    init(name: String, body: @escaping @Sendable () -> Void, finished: Monitor<Bool>) {
      self.name = name
      self.body = body
      self.finished = finished
    }

    /// Runs the body and lets go of it. Only then may the thread count as finished: who joins it may
    /// have promised that nothing holds the body any more (`withoutActuallyEscaping` checks that).
    /// Not inlined, so that the release is done on return.
    @inline(never)
    static func run(_ argument: UnsafeMutableRawPointer) -> Monitor<Bool> {
      let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
      _ = cairn_set_thread_name(String(start.name.prefix(15)))
      start.body()
      return start.finished
    }
  }
}
