import Containers
import ControlDatabase
import GPUs
import JobStates
import Linux
import Logging

extension JobService {
  private static let sampleEvery = Duration.seconds(1)
  /// nvidia-smi costs more than reading control groups does.
  private static let gpusEvery = 5

  /// Samples what running jobs use of the host, until it is cancelled. That something can't be measured ends nothing.
  func sampleUsage() async throws {
    var series: [String: UsageSeries] = [:]
    var hasComplained = false
    for tick in 0... {
      try await Task.sleep(for: Self.sampleEvery)
      do {
        var seen: Set<String> = []
        var latest: [String: UsageSample] = [:]
        var gpus: [GPUUsage]?
        for id in running {
          guard let job = try await database.jobIfPresent(id), job.state == .running else { continue }
          let attempt = try await database.attempt(job.attempt, of: id)
          guard let pid = attempt.process?.pid, let usage = ContainerUsage.read(pid: pid) else { continue }
          let before = latestUsage[id]
          if gpus == nil, !attempt.gpus.isEmpty, tick % Self.gpusEvery == 0 || before?.gpus == nil {
            do {
              gpus = try await GPUUsage.read()
            } catch let error as GPUInventoryError {
              if !hasComplained { logger.warning("what jobs use of GPUs is not recorded: \(error)") }
              hasComplained = true
              gpus = []
            }
          }
          var sample = UsageSample(usage, gpus: gpus?.filter { attempt.gpus.contains($0.uuid) })
          let path = files.usage(of: id, attempt: attempt.number)
          seen.insert(path)
          try series[path, default: UsageSeries(path: path, spacing: 1_000_000_000)].add(sample)
          sample.gpus = sample.gpus ?? before?.gpus
          latest[id] = sample
        }
        series = series.filter { seen.contains($0.key) }
        latestUsage = latest
      } catch {
        try Task.checkCancellation()
        if !hasComplained { logger.warning("what jobs use of the host is not recorded: \(error)") }
        hasComplained = true
      }
    }
  }

  /// What a running job used of the host when that was sampled last; nil: it does not run, or was not sampled yet. All who
  /// want to know it take it from here, so that control groups and GPUs are read once.
  public func latestUsage(of job: String) -> UsageSample? { latestUsage[job] }

  /// What an attempt used of the host, the first sample first; none where it was too short for one.
  /// - Parameter attempt: nil: the last one.
  public nonisolated func usage(of id: String, attempt: Int? = nil) async throws -> (attempt: Int, [UsageSample]) {
    let last = try await database.job(id).attempt
    let number = attempt ?? max(last, 1)
    let path = files.usage(of: id, attempt: number)
    return (number, try await offPool { UsageSeries.read(path) })
  }
}

extension UsageSample {
  fileprivate init(_ usage: ContainerUsage, gpus: [GPUUsage]?) {
    self.init(
      time: nanosecondsNow(), processorNanoseconds: usage.processorNanoseconds, memoryBytes: usage.memoryBytes,
      readBytes: usage.readBytes, writtenBytes: usage.writtenBytes,
      gpus: gpus.map {
        $0.map {
          GPU(
            uuid: $0.uuid, utilizationPercent: $0.utilizationPercent, memoryMebibytes: $0.memoryMebibytes,
            powerWatts: $0.powerWatts)
        }
      })
  }
}
