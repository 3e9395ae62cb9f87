import Containers
import ControlDatabase
import FoundationEssentials
import Glibc
import JobStates
import Linux
import Logging
import Secrets
import Synchronization

/// What becomes of jobs' logs while they grow, and after.
extension JobService {
  private static let lookEvery = Duration.seconds(1)
  private static let tryAgainEvery = Duration.seconds(60)

  /// Keeps the logs of running jobs within their limit.
  func limitLogs() async throws {
    var refused: Set<String> = []
    while true {
      try await Task.sleep(for: Self.lookEvery)
      for id in running {
        guard let job = try await database.jobIfPresent(id), job.attempt > 0 else { continue }
        let path = files.log(of: id, attempt: job.attempt)
        if refused.contains(path) { continue }
        do {
          let (limit, path) = (configuration.logLimit, path)
          _ = try await offPool { try ContainerLogFile.limit(path, to: limit) }
        } catch {
          // A file system without holes; the log grows as it does.
          refused.insert(path)
          logger.warning("the log of job \(id) can't be kept within its limit: \(error)")
        }
      }
    }
  }

  /// Compresses logs of ended attempts that an earlier daemon has left as they were; then, again and again, those that
  /// could not be.
  func compressLogs() async throws {
    for id in try logDirectories() {
      guard let job = try await database.jobIfPresent(id), !job.state.isActive else { continue }
      for attempt in try await database.attempts(of: id) where attempt.endedAt != nil {
        await runner.compressLog(of: job, attempt: attempt.number)
      }
    }
    while true {
      var since: Int64?
      for user in secretUsers { since = [since, try await user()].compactMap { $0 }.min() }
      try await secrets.forgetRetired(except: running.union(runner.uncompressed.jobs), since: since)
      try await Task.sleep(for: Self.tryAgainEvery)
      for log in runner.uncompressed.all {
        // One whose job was removed is gone.
        guard let job = try await database.jobIfPresent(log.job) else {
          runner.uncompressed.remove(log)
          continue
        }
        await runner.compressLog(of: job, attempt: log.attempt)
      }
    }
  }

  /// Logs of others that may show secrets. To be called before ``run()``.
  /// - Parameter users: each tells since when its oldest log has been written; nil: it has none.
  public func keepSecrets(of users: [@Sendable () async throws -> Int64?]) { secretUsers += users }

  private func logDirectories() throws -> [String] {
    // Before the first job there is none.
    guard FileManager.default.fileExists(atPath: files.logs) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: files.logs)
  }
}

/// Logs of ended attempts that could not be compressed yet.
final class UncompressedLogs: Sendable {
  struct Log: Hashable {
    var job: String
    var attempt: Int
  }

  private let logs = Mutex<Set<Log>>([])

  var all: [Log] { logs.withLock { Array($0) } }
  var jobs: Set<String> { logs.withLock { Set($0.map(\.job)) } }

  /// Whether it is a new one.
  func add(_ log: Log) -> Bool { logs.withLock { $0.insert(log).inserted } }

  func remove(_ log: Log) { logs.withLock { _ = $0.remove(log) } }
}

extension JobRunner {
  /// Compresses the log of an attempt that has ended, with the job's secrets hidden. One in which they can't be, or that
  /// can't be compressed, stays as it is, and it is tried again later.
  func compressLog(of job: Job, attempt: Int) async {
    let path = files.log(of: job.id, attempt: attempt)
    let log = UncompressedLogs.Log(job: job.id, attempt: attempt)
    do {
      // A log that is not there any more needs no secrets.
      if access(path, F_OK) == 0 {
        let traces = try await JobSecrets.traces(in: job, from: secrets)
        try await offPool { try ContainerLogFile.compress(path, hiding: traces) }
      }
      uncompressed.remove(log)
    } catch {
      guard uncompressed.add(log), !Task.isCancelled else { return }
      logger.warning("the log \(path) is not compressed yet; it will be tried again: \(error)")
    }
  }
}
