/// What one client may take of a service. Lines and heads have their limits in ``RequestHeadParser``.
struct Limits: Sendable {
  /// Connections at once; one more is answered 503.
  var connections = 1024
  /// Those of them that have become something else than HTTP, such as a WebSocket, which stay for hours: others must
  /// have room beside them.
  var upgraded = 768
  /// For a request's head, from its first byte (of the first request: from the connection's begin).
  var headSeconds = 10.0
  /// Between two requests of a connection.
  var idleSeconds = 60.0
  /// Without one byte of a body, in either direction.
  var stallSeconds = 300.0
  /// For a client to read the last answer, once nothing more of it is taken.
  var lingerSeconds = 2.0
  /// Bytes that are read and thrown away meanwhile.
  var lingerBytes = 64 << 20
}
