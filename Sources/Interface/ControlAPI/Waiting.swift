/// What `body` returns within so many seconds; after them it is cancelled, and `otherwise` answers.
func result<Value: Sendable>(
  within seconds: Int, of body: @escaping @Sendable () async throws -> Value, otherwise: () async throws -> Value
) async throws -> Value {
  let finished = try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask {
      do {
        return try await body()
      } catch is CancellationError {
        return nil
      }
    }
    group.addTask {
      // Cancelled, it is of no use any more.
      try? await Task.sleep(for: .seconds(seconds))
      return nil
    }
    defer { group.cancelAll() }
    return try await group.next().flatMap { $0 }
  }
  if let finished { return finished }
  return try await otherwise()
}
