@preconcurrency import Dispatch
import Glibc

/// The signals that come to this process, instead of what they would do to it.
func signals(_ numbers: Int32...) -> AsyncStream<Int32> {
  AsyncStream { continuation in
    let sources = numbers.map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { continuation.yield(number) }
      source.resume()
      return source
    }
    continuation.onTermination = { _ in for source in sources { source.cancel() } }
  }
}
