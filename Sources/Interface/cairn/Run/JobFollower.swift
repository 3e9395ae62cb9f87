import API
import JobStates
import UnixHTTP

/// Follows a job to its end: prints its log, passes Ctrl-C on, and bears with a `cairnd` that is
/// restarted meanwhile.
struct JobFollower: Sendable {
  let client: CairnClient
  let job: String
  /// Print the log as JSON.
  let json: Bool

  /// - Returns: the job when it has ended.
  /// - Throws: `ExitCode` 130 after a second Ctrl-C.
  func run() async throws -> Job {
    try await followStoppingOnSignals("job \(job)", seenBy: "cairn job show \(job)") {
      _ = try await client.stop(job)
    } follow: {
      try await follow()
    }
  }

  private func follow() async throws -> Job {
    try await LogFollower(client: client, job: job).run(print)
    return try await client.wait(for: job)
  }

  private func print(_ line: LogLine) throws {
    if json { try Terminal.print(json: line) } else { show(line) }
  }
}

/// Follows a log to the job's end, and goes on where it was when a `cairnd` was restarted meanwhile.
struct LogFollower: Sendable {
  let client: CairnClient
  let job: String
  var attempt: Int?
  var tail: Int?
  var stream: LogLine.Stream?

  func run(_ body: (LogLine) throws -> Void) async throws {
    var cursor: String?
    var lastSeen = ContinuousClock.now
    while true {
      do {
        try await client.logs(
          of: job, follow: true, attempt: attempt, tail: cursor == nil ? tail : nil, stream: stream, after: cursor
        ) { line in
          lastSeen = .now
          try body(line)
          cursor = line.cursor
        }
        // A daemon that ends in good order ends its answers, too.
        if try await client.job(job).job.state.isTerminal || attempt != nil { return }
      } catch let error as HTTPClientError {
        guard error.isWorthRetry, lastSeen.duration(to: .now) < daemonPatience else { throw error }
        try await Task.sleep(for: .milliseconds(500))
        // A daemon that answers again gets its whole time again.
        if (try? await client.information()) != nil { lastSeen = .now }
      }
    }
  }
}

extension HTTPClientError {
  /// Whether the daemon may only have been restarted.
  var isWorthRetry: Bool {
    switch self {
    case .unreachable, .disconnected: true
    default: false
    }
  }
}
