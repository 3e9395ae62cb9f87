import Synchronization

/// Lets pieces of asynchronous work follow each other, in the order in which they were asked for. An actor would let one
/// begin where another waits.
final class OneAtATime: Sendable {
  private let last = Mutex<Task<Void, Never>?>(nil)

  /// Returns what `body` returns, once all that was asked for before has ended. It is not cancelled with its caller: what
  /// comes after must find it done.
  func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    let work = last.withLock { last in
      let previous = last
      let work = Task {
        await previous?.value
        return await Result(of: body)
      }
      last = Task { _ = await work.value }
      return work
    }
    return try await work.value.get()
  }
}

extension Result where Failure == any Error, Success: Sendable {
  fileprivate init(of body: @Sendable () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}
