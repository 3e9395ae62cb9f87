import HTTPService
import UnixHTTP

/// Carries bytes between a client and a server, each way as fast as the slower side takes them: no more than one piece
/// each way is held.
struct Tunnel: Sendable {
  /// Nothing for so long, in one direction: who still lives sends something, such as the pings of a WebSocket.
  private static let idleSeconds = 3600.0
  /// For the other side to end as well, once one has.
  private static let closingSeconds = 30.0

  let server: UpgradedSocket

  /// Returns when both sides have ended, or one is lost.
  func run(_ client: UpgradedConnection) async {
    await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        await Self.carry(from: client.receive, to: server.send, end: server.finishSending)
      }
      group.addTask {
        await Self.carry(from: server.receive, to: client.send, end: client.finishSending)
      }
      guard await group.next() == true else { return group.cancelAll() }
      group.addTask {
        try? await Task.sleep(for: .seconds(Self.closingSeconds))
        return false
      }
      _ = await group.next()
      group.cancelAll()
    }
  }

  /// - Returns: whether it came to its end in order.
  private static func carry(
    from receive: (Double) async throws -> [UInt8], to send: ([UInt8]) async throws -> Void, end: () -> Void
  ) async -> Bool {
    do {
      while case let piece = try await receive(idleSeconds), !piece.isEmpty { try await send(piece) }
      end()
      return true
    } catch {
      // Cut off, or cancelled: both sides are told by the closing of their connections.
      return false
    }
  }
}
