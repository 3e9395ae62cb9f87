import Containers
import ControlDatabase
import FoundationEssentials
import JobStates
import Linux
import Logging

/// What becomes of jobs' logs while they grow, and after.
extension JobService {
  private static let lookEvery = Duration.seconds(1)

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

  /// Compresses logs of ended attempts that an earlier daemon has left as they were.
  func compressLogs() async throws {
    for id in (try? FileManager.default.contentsOfDirectory(atPath: files.logs)) ?? [] {
      guard let job = try await database.jobIfPresent(id), !job.state.isActive else { continue }
      for attempt in try await database.attempts(of: id) where attempt.endedAt != nil {
        await runner.compressLog(of: job, attempt: attempt.number)
      }
    }
  }
}

extension JobRunner {
  /// Compresses the log of an attempt that has ended, with the job's secrets hidden. One that can't be stays as it is.
  func compressLog(of job: Job, attempt: Int) async {
    let path = files.log(of: job.id, attempt: attempt)
    let traces = (try? await JobSecrets(of: job.request, from: secrets).traces) ?? []
    do {
      try await offPool { try ContainerLogFile.compress(path, hiding: traces) }
    } catch {
      logger.warning("the log \(path) can't be compressed: \(error)")
    }
  }
}
