import API
import ArgumentParser
import Glibc
import JobStates
import UnixHTTP

/// Follows a job to its end: prints its log, passes Ctrl-C on, and bears with a `cairnd` that is
/// restarted meanwhile.
struct JobFollower: Sendable {
  /// How long a daemon may be away.
  private static let patience = Duration.seconds(60)

  let client: CairnClient
  let job: String
  /// Print the log as JSON.
  let json: Bool

  /// - Returns: the job when it has ended.
  /// - Throws: `ExitCode` 130 after a second Ctrl-C.
  func run() async throws -> Job {
    try await withThrowingTaskGroup(of: Job?.self) { group in
      group.addTask { try await follow() }
      group.addTask {
        try await stopOnSignals()
        return nil
      }
      defer { group.cancelAll() }
      while let finished = try await group.next() {
        if let finished { return finished }
      }
      // The task that follows returns a job or throws.
      throw CancellationError()
    }
  }

  /// The first signal asks the job to stop, the second ends this program: at once, even where the daemon
  /// has not answered the first yet.
  private func stopOnSignals() async throws {
    try await withThrowingTaskGroup { group in
      defer { group.cancelAll() }
      var count = 0
      for await _ in signals(SIGINT, SIGTERM) {
        count += 1
        if count > 1 {
          Terminal.complain("cairn: job \(job) is left to itself; see `cairn job show \(job)`")
          throw ExitCode(130)
        }
        Terminal.complain("cairn: stopping job \(job); Ctrl-C again leaves it to itself")
        group.addTask { await stop() }
      }
    }
  }

  /// Asks until the daemon has heard it, as ``follow()`` bears with one that is restarted.
  private func stop() async {
    let deadline = ContinuousClock.now + Self.patience
    while !Task.isCancelled {
      do {
        _ = try await client.stop(job)
        return
      } catch let error as HTTPClientError where error.isWorthRetry && .now < deadline {
        try? await Task.sleep(for: .milliseconds(500))
      } catch {
        if !Task.isCancelled { Terminal.complain("cairn: job \(job) could not be stopped: \(error)") }
        return
      }
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
  /// How long a daemon may be away.
  private static let patience = Duration.seconds(60)

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
        guard error.isWorthRetry, lastSeen.duration(to: .now) < Self.patience else { throw error }
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
