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
    var place = LogPlace()
    var lastSeen = ContinuousClock.now
    while true {
      do {
        place.begin()
        try await client.logs(of: job, follow: true) { line in
          lastSeen = .now
          if place.isNew(line) { try print(line) }
        }
        return try await client.wait(for: job)
      } catch let error as HTTPClientError {
        guard error.isWorthRetry, lastSeen.duration(to: .now) < Self.patience else { throw error }
        try await Task.sleep(for: .milliseconds(500))
        // A daemon that answers again gets its whole time again.
        if (try? await client.information()) != nil { lastSeen = .now }
      }
    }
  }

  private func print(_ line: LogLine) throws {
    if json { try Terminal.print(json: line) } else { show(line) }
  }
}

/// Where in a job's log the follower is, so that after a new connection nothing is printed twice.
struct LogPlace {
  /// Of the last line that was printed.
  private var time = Int64.min
  /// Lines of that time that were printed, and that have come again since the connection was made.
  private var printed = 0
  private var seen = 0
  private var isCatchingUp = false

  /// A new connection, which sends the log from its beginning.
  mutating func begin() {
    seen = 0
    isCatchingUp = printed > 0
  }

  mutating func isNew(_ line: LogLine) -> Bool {
    if isCatchingUp {
      if line.timeNanoseconds < time { return false }
      if line.timeNanoseconds == time {
        seen += 1
        if seen <= printed { return false }
      }
      // From here on all is new, even where the host's clock is set back.
      isCatchingUp = false
    }
    printed = line.timeNanoseconds == time ? printed + 1 : 1
    time = line.timeNanoseconds
    return true
  }
}

extension HTTPClientError {
  /// Whether the daemon may only have been restarted.
  fileprivate var isWorthRetry: Bool {
    switch self {
    case .unreachable, .disconnected: true
    default: false
    }
  }
}
