import Containers
import UnixHTTP
import Wire

/// What a Jupyter server says of its kernels and terminals.
///
/// Source: the REST API of jupyter_server 2 (`/api/kernels`, `/api/terminals`). `last_activity` of `/api/status` is not
/// used: an open browser tab asks for something every few seconds, and that counts there.
struct JupyterActivity: Equatable, Sendable {
  /// Whether a kernel computes.
  var isBusy = false
  /// Of a kernel or a terminal, the last, in nanoseconds since 1970; nil: there are none.
  var lastActivity: Int64?

  struct Senseless: Error, CustomStringConvertible {
    let description: String
  }

  /// Kernels and terminals have the fields that are looked at in common.
  mutating func add(parsing bytes: [UInt8]) throws {
    guard case .array(let entries) = try JSONValue(parsing: bytes) else {
      throw Senseless(description: "the server's answer is no list")
    }
    for case .object(let entry) in entries {
      if case .string("busy") = entry["execution_state"] { isBusy = true }
      if case .string(let text) = entry["last_activity"], let time = parseTimestamp(Array(text.utf8)[...]) {
        lastActivity = max(lastActivity ?? time, time)
      }
    }
  }

  /// Asks a server, which may be anything: it has `seconds`, whatever it does.
  static func ask(_ server: ReachableServer, prefix: String, seconds: Double = 10) async throws -> JupyterActivity {
    try await withThrowingTaskGroup(of: JupyterActivity.self) { group in
      group.addTask {
        var activity = JupyterActivity()
        try activity.add(parsing: await get("\(prefix)api/kernels", server))
        // Some have no terminals.
        if let terminals = try? await get("\(prefix)api/terminals", server) { try activity.add(parsing: terminals) }
        return activity
      }
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        throw Senseless(description: "the server does not answer")
      }
      defer { group.cancelAll() }
      guard let first = try await group.next() else { throw CancellationError() }
      return first
    }
  }

  private static func get(_ target: String, _ server: ReachableServer) async throws -> [UInt8] {
    let headers = server.authorization.map { [(name: "Authorization", value: $0)] } ?? []
    let response = try await UnixHTTPClient(untrustedSocketPath: server.socket).request("GET", target, headers: headers)
    guard response.status == 200 else {
      throw Senseless(description: "the server answers \(target) with \(response.status)")
    }
    return try await response.body.collect(limit: 1 << 20)
  }
}
