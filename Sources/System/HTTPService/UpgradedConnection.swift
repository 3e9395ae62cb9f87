import Glibc

/// A connection that speaks something else than HTTP from now on, such as a WebSocket. One task may receive while
/// another one sends.
public struct UpgradedConnection: Sendable {
  let socket: ConnectionSocket
  let reader: RequestReader
  /// May pass without one byte being taken by the client.
  let stallSeconds: Double

  /// The next bytes, at least one of them; none: the client sends no more.
  /// - Throws: where nothing comes for `seconds`, or the connection is lost.
  public func receive(seconds: Double) async throws -> [UInt8] {
    let early = await reader.takeRest()
    if !early.isEmpty { return early }
    return try await socket.receive(HTTPService.pieceSize, until: .now + .seconds(seconds))
  }

  /// Returns when the kernel has taken all of `bytes`.
  public func send(_ bytes: [UInt8]) async throws { try await socket.send(bytes, stallSeconds: stallSeconds) }

  /// Tells the client that nothing more comes; it may go on sending.
  public func finishSending() { shutdown(socket.descriptor, Int32(SHUT_WR)) }
}
