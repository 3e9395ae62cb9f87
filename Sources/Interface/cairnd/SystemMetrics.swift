import ControlDatabase
import Glibc
import JobStates
import Jobs
import Logging
import Tracker

/// What running jobs use of the host, as metrics of their open runs, under the names that MLflow's own client has for
/// them. Nothing is looked at while no job has an open run.
actor SystemMetrics {
  private static let interval = Duration.seconds(5)

  private let database: ControlDatabase
  private let jobs: JobService
  private let tracker: Tracker
  private let processors = Double(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1))
  private let memoryBytes = Double(max(sysconf(Int32(_SC_PHYS_PAGES)), 1)) * Double(sysconf(Int32(_SC_PAGESIZE)))
  private let logger: Logger
  /// By attempts' containers; the step counts what was logged, as MLflow does.
  private var last: [String: (sample: UsageSample, step: Int64)] = [:]
  private var hasComplained = false

  init(database: ControlDatabase, jobs: JobService, tracker: Tracker, logger: Logger) {
    self.database = database
    self.jobs = jobs
    self.tracker = tracker
    self.logger = logger
  }

  /// Until it is cancelled. That something can't be measured is no reason to end.
  func run() async throws {
    while true {
      try await Task.sleep(for: Self.interval)
      do {
        try await sample()
      } catch {
        try Task.checkCancellation()
        if !hasComplained { logger.warning("what jobs use of the host is not recorded: \(error)") }
        hasComplained = true
      }
    }
  }

  private func sample() async throws {
    let running = try await database.unfinishedJobs().filter { $0.state == .running }
    var containers: Set<String> = []
    for job in running {
      let attempt = try await database.attempt(job.attempt, of: job.id)
      let runs = try await tracker.runs(of: job.id).filter {
        !$0.status.isTerminal && $0.attempt == Int64(attempt.number)
      }
      guard !runs.isEmpty, let sample = await jobs.latestUsage(of: job.id) else { continue }
      containers.insert(attempt.container)
      let before = last[attempt.container]
      // The first look: what was used since then is not known yet.
      guard let before, let share = sample.processorShare(since: before.sample) else {
        if before == nil { last[attempt.container] = (sample, 0) }
        continue
      }
      last[attempt.container] = (sample, before.step + 1)
      let metrics = containerMetrics(job, sample, share) + Self.metrics(of: sample.gpus ?? [])
      let point = (step: before.step, timestamp: sample.time / 1_000_000)
      let batch = LogBatch(
        metrics: metrics.map { key, value in
          LoggedMetric(
            key: "system/" + key, point: MetricPoint(step: point.step, timestamp: point.timestamp, value: value))
        })
      for run in runs { try await tracker.project(job.project).log(batch, to: run.identifier) }
    }
    last = last.filter { containers.contains($0.key) }
  }

  private func containerMetrics(_ job: Job, _ sample: UsageSample, _ share: Double) -> [(String, Double)] {
    let memory = job.request.memoryBytes.map(Double.init) ?? memoryBytes
    return [
      // Of what the job may use.
      ("cpu_utilization_percentage", 100 * share / (job.request.cpus ?? processors)),
      ("system_memory_usage_megabytes", Double(sample.memoryBytes) / 1e6),
      ("system_memory_usage_percentage", 100 * Double(sample.memoryBytes) / memory),
    ]
  }

  private static func metrics(of gpus: [UsageSample.GPU]) -> [(String, Double)] {
    gpus.enumerated().flatMap { index, gpu in
      [
        ("gpu_\(index)_utilization_percentage", gpu.utilizationPercent),
        ("gpu_\(index)_memory_usage_megabytes", gpu.memoryMebibytes.map { $0 * 1.048576 }),
        ("gpu_\(index)_power_usage_watts", gpu.powerWatts),
      ].compactMap { name, value in value.map { (name, $0) } }
    }
  }
}
