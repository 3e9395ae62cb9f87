public import GRDB
import Synchronization

/// Changes of a file of records that come at the same time, carried out in one transaction.
///
/// A commit waits for the disk once, however many changes are in it: while one is being made, the next changes
/// gather. Nobody waits for others to come. Safe to use from any number of tasks.
public final class GroupCommit: Sendable {
  private struct State {
    var waiting: [any Change] = []
    var isAtWork = false
  }

  private let file: RecordFile
  private let state = Mutex(State())

  public init(_ file: RecordFile) { self.file = file }

  /// Carries `change` out and returns when it is on the disk. If it throws, nothing of it stays, and the changes it
  /// shares a transaction with are not touched by that.
  /// - Parameter committed: called with its value after the commit and before the next change is carried out.
  public func write<Value: Sendable>(
    _ change: @escaping @Sendable (Database) throws -> Value,
    committed: @escaping @Sendable (Value) -> Void = { _ in }
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      let one = OneChange(change: change, committed: committed, continuation: continuation)
      let isFirst = state.withLock { state in
        state.waiting.append(one)
        defer { state.isAtWork = true }
        return !state.isAtWork
      }
      if isFirst { file.pool.asyncWriteWithoutTransaction { self.work($0) } }
    }
  }

  /// Commits what has gathered until nothing has.
  private func work(_ database: Database) {
    while true {
      let changes = state.withLock { state in
        let changes = state.waiting
        state.waiting = []
        state.isAtWork = !changes.isEmpty
        return changes
      }
      if changes.isEmpty { return }
      do {
        try database.inTransaction(.immediate) {
          for change in changes { try change.apply(database) }
          return .commit
        }
      } catch {
        for change in changes { change.fail(error) }
        continue
      }
      for change in changes { change.finish() }
    }
  }
}

private protocol Change: AnyObject, Sendable {
  /// - Throws: what ends the whole transaction.
  func apply(_ database: Database) throws
  func finish()
  func fail(_ error: any Error)
}

/// Used by the database's one writer only, after it was made.
private final class OneChange<Value: Sendable>: Change {
  private let change: @Sendable (Database) throws -> Value
  private let committed: @Sendable (Value) -> Void
  private let continuation: CheckedContinuation<Value, any Error>
  private let result = Mutex<Result<Value, any Error>?>(nil)

  init(
    change: @escaping @Sendable (Database) throws -> Value, committed: @escaping @Sendable (Value) -> Void,
    continuation: CheckedContinuation<Value, any Error>
  ) {
    self.change = change
    self.committed = committed
    self.continuation = continuation
  }

  func apply(_ database: Database) throws {
    do {
      var value: Value?
      try database.inSavepoint {
        value = try change(database)
        return .commit
      }
      if let value { result.withLock { $0 = .success(value) } }
    } catch {
      // A full disk ends the transaction, and with it what others did in it.
      guard database.isInsideTransaction else { throw error }
      result.withLock { $0 = .failure(error) }
    }
  }

  func finish() {
    guard let result = result.withLock({ $0 }) else { return }
    if case .success(let value) = result { committed(value) }
    continuation.resume(with: result)
  }

  func fail(_ error: any Error) { continuation.resume(throwing: error) }
}
