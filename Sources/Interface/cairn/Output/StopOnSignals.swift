import ArgumentParser
import Glibc
import UnixHTTP

/// How long a daemon that is restarted may be away, for a command that follows something.
let daemonPatience = Duration.seconds(60)

/// Follows something to its end, and returns what `follow` does.
///
/// The first SIGINT or SIGTERM asks it to stop, until the daemon has heard it; the second ends this program: at once, even
/// where the daemon has not answered the first yet.
/// - Parameters:
///   - subject: what is followed, such as `job x`.
///   - command: by which people see it later.
/// - Throws: `ExitCode` 130 after a second signal.
func followStoppingOnSignals<Ended: Sendable>(
  _ subject: String, seenBy command: String, stop: @escaping @Sendable () async throws -> Void,
  follow: @escaping @Sendable () async throws -> Ended
) async throws -> Ended {
  try await withThrowingTaskGroup(of: Ended?.self) { group in
    group.addTask { try await follow() }
    group.addTask {
      try await stopOnSignals(subject, seenBy: command, stop)
      return nil
    }
    defer { group.cancelAll() }
    while let finished = try await group.next() {
      if let finished { return finished }
    }
    // The task that follows returns something or throws.
    throw CancellationError()
  }
}

private func stopOnSignals(
  _ subject: String, seenBy command: String, _ stop: @escaping @Sendable () async throws -> Void
) async throws {
  try await withThrowingTaskGroup { group in
    defer { group.cancelAll() }
    var count = 0
    for await _ in signals(SIGINT, SIGTERM) {
      count += 1
      if count > 1 {
        Terminal.complain("cairn: \(subject) is left to itself; see `\(command)`")
        throw ExitCode(130)
      }
      Terminal.complain("cairn: stopping \(subject); Ctrl-C again leaves it to itself")
      group.addTask { await stopPatiently(subject, stop) }
    }
  }
}

private func stopPatiently(_ subject: String, _ stop: () async throws -> Void) async {
  let deadline = ContinuousClock.now + daemonPatience
  while !Task.isCancelled {
    do {
      return try await stop()
    } catch let error as HTTPClientError where error.isWorthRetry && .now < deadline {
      // Cancelled, the loop ends.
      try? await Task.sleep(for: .milliseconds(500))
    } catch {
      if !Task.isCancelled { Terminal.complain("cairn: \(subject) could not be stopped: \(error)") }
      return
    }
  }
}
