import Synchronization

/// Tells any number of listeners that something has changed.
public final class ChangeSignal: Sendable {
  private struct State {
    var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
    var next = 0
  }

  private let state = Mutex(State())

  public init() {}

  public func subscribe() -> AsyncStream<Void> {
    // One signal that waits is enough: it says to look again.
    let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    let key = state.withLock {
      $0.next += 1
      $0.listeners[$0.next] = continuation
      return $0.next
    }
    continuation.onTermination = { [weak self] _ in
      _ = self?.state.withLock { $0.listeners.removeValue(forKey: key) }
    }
    continuation.yield()
    return stream
  }

  public func notify() {
    let listeners = state.withLock { Array($0.listeners.values) }
    for listener in listeners { listener.yield() }
  }
}
