/// Runs what blocks on a thread of its own, off the cooperative pool, which has a thread a core only.
public func offPool<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    _ = WorkerThread(name: "off-pool") { continuation.resume(with: Swift.Result { try body() }) }
  }
}
