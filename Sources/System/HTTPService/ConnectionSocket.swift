import Glibc
import Linux
import Sockets

/// An accepted, non-blocking stream socket. It closes when the last reference goes.
final class ConnectionSocket: Sendable {
  /// What a step of a connection met, other than bytes.
  enum Failure: Error {
    case timedOut
    case system(SystemError)
  }

  let descriptor: Int32

  /// Takes the descriptor over.
  init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// The next bytes, at least one of them; none: the other side has closed.
  func receive(_ most: Int, until deadline: ContinuousClock.Instant) async throws -> [UInt8] {
    while true {
      try Task.checkCancellation()
      var code: Int32 = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: most) { buffer, filled in
        let count = recv(descriptor, buffer.baseAddress, most, 0)
        if count < 0 { code = errno }
        filled = max(count, 0)
      }
      switch code {
      case 0: return bytes
      case EINTR: continue
      case EAGAIN: try await wait(for: Int16(POLLIN), until: deadline)
      default: throw Failure.system(SystemError("recv", "a connection", code))
      }
    }
  }

  /// Sends all of `bytes`. `stallSeconds` may pass without one of them being taken.
  func send(_ bytes: [UInt8], stallSeconds: Double) async throws {
    var done = 0
    while done < bytes.count {
      try Task.checkCancellation()
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        done += count
        continue
      }
      switch errno {
      case EINTR: continue
      case EAGAIN: try await wait(for: Int16(POLLOUT), until: .now + .seconds(stallSeconds))
      case let code: throw Failure.system(SystemError("send", "a connection", code))
      }
    }
  }

  /// Sends what the kernel takes at once, for a client that nobody has time for.
  func sendAtOnce(_ bytes: [UInt8]) {
    _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  private func wait(for events: Int16, until deadline: ContinuousClock.Instant) async throws {
    let seconds = (deadline - .now) / .seconds(1)
    guard seconds > 0 else { throw Failure.timedOut }
    switch await Poller.shared.wait(descriptor, for: events, seconds: seconds) {
    case .ready: return
    case .timedOut: throw Failure.timedOut
    case .cancelled: throw CancellationError()
    }
  }

  /// Ends the sending side, and reads on for a while: closing with unread bytes would reset the
  /// connection, and the client might lose the answer that tells it what it did wrong.
  func closeGently(_ limits: Limits) async {
    shutdown(descriptor, Int32(SHUT_WR))
    let deadline = ContinuousClock.now + .seconds(limits.lingerSeconds)
    var left = limits.lingerBytes
    while left > 0, ContinuousClock.now < deadline,
      let bytes = try? await receive(HTTPService.pieceSize, until: deadline), !bytes.isEmpty
    {
      left -= bytes.count
    }
  }
}
