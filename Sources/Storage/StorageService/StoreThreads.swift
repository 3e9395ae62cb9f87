import Linux

/// Carries out the file system's synchronous calls, which block on locks and disks, for `async`
/// handlers: on threads of its own and never on those of the cooperative pool.
public final class StoreThreads: Sendable {
  private struct Queue {
    var waiting: [@Sendable () -> Void] = []
    var isStopped = false
  }

  private let queue = Monitor(Queue())
  private let threads: [WorkerThread]

  var count: Int { threads.count }

  public init(count: Int) {
    let queue = queue
    threads = (0..<count).map { index in
      WorkerThread(name: "admin-\(index)") {
        while case .work(let body)? = queue.wait(until: Self.next) { body() }
      }
    }
  }

  private enum Step {
    case work(@Sendable () -> Void)
    case stop
  }

  /// nil: nothing to do yet.
  private static func next(_ queue: inout Queue) -> Step? {
    if !queue.waiting.isEmpty { return .work(queue.waiting.removeFirst()) }
    return queue.isStopped ? .stop : nil
  }

  public func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      queue.withLock { queue in
        queue.waiting.append { continuation.resume(with: Swift.Result(catching: body)) }
      }
      queue.wakeAll()
    }
  }

  /// Ends the threads when all work that was given to them is done.
  public func stop() {
    queue.withLock { $0.isStopped = true }
    queue.wakeAll()
    for thread in threads { thread.join() }
  }
}
