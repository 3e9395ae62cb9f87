import Glibc
import Linux
import Synchronization

/// Calls `body` for each index below `count` on as many threads as there are cores, and returns the
/// results in order. The first error ends it and is thrown.
///
/// The threads have a low priority: programs that work in the mount, and the threads that answer them,
/// go first. None of them holds a lock for long.
func inParallel<Result: Sendable>(_ count: Int, _ body: (Int) throws -> Result) throws -> [Result] {
  let threads = min(count, max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))), 8)
  guard threads > 0 else { return [] }
  let progress = Mutex(ParallelProgress<Result>(results: Array(repeating: nil, count: count)))
  return try withoutActuallyEscaping(body) { body in
    // The threads are joined before this returns, so what `body` captures outlives them; whether it
    // may be called from several at once is the caller's to know, as with DispatchQueue.concurrentPerform.
    nonisolated(unsafe) let body = body
    let work: @Sendable () -> Void = {
      while true {
        let index = progress.withLock { state -> Int? in
          guard state.error == nil, state.next < count else { return nil }
          defer { state.next += 1 }
          return state.next
        }
        guard let index else { return }
        do {
          let result = try body(index)
          progress.withLock { $0.results[index] = result }
        } catch {
          progress.withLock { $0.error = $0.error ?? error }
        }
      }
    }
    let workers = (0..<threads).map { number in
      WorkerThread(name: "chunk-\(number)") {
        WorkerThread.lowerPriority()
        work()
      }
    }
    for worker in workers { worker.join() }
    return try progress.withLock { state in
      if let error = state.error { throw error }
      return state.results.compactMap { $0 }
    }
  }
}

private struct ParallelProgress<Result> {
  var next = 0
  var results: [Result?]
  var error: (any Error)?

  init(results: [Result?]) { self.results = results }
}
