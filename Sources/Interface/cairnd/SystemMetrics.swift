import Containers
import ControlDatabase
import GPUs
import Glibc
import JobStates
import Linux
import Logging
import Tracker

/// What running jobs use of the host, as metrics of their open runs, under the names that MLflow's own client has for
/// them. Nothing is looked at while no job has an open run.
actor SystemMetrics {
  private static let interval = Duration.seconds(5)

  private struct Sample {
    var usage: ContainerUsage
    var time: ContinuousClock.Instant
    /// Counts what was logged, as MLflow does.
    var step: Int64
  }

  private let database: ControlDatabase
  private let podman: Podman
  private let tracker: Tracker
  private let processors = Double(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1))
  private let memoryBytes = Double(max(sysconf(Int32(_SC_PHYS_PAGES)), 1)) * Double(sysconf(Int32(_SC_PAGESIZE)))
  private let logger: Logger
  /// By attempts' containers.
  private var last: [String: Sample] = [:]
  private var pids: [String: Int32] = [:]
  private var hasComplained = false

  init(database: ControlDatabase, podman: Podman, tracker: Tracker, logger: Logger) {
    self.database = database
    self.podman = podman
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
    let jobs = try await database.unfinishedJobs().filter { $0.state == .running }
    var containers: Set<String> = []
    var gpus: [GPUUsage]?
    for job in jobs {
      let attempt = try await database.attempt(job.attempt, of: job.id)
      let runs = try await tracker.runs(of: job.id).filter {
        !$0.status.isTerminal && $0.attempt == Int64(attempt.number)
      }
      guard !runs.isEmpty else { continue }
      containers.insert(attempt.container)
      if gpus == nil, !attempt.gpus.isEmpty { gpus = try await GPUUsage.read() }
      guard var metrics = try await containerMetrics(job, attempt.container) else { continue }
      metrics += Self.metrics(of: (gpus ?? []).filter { attempt.gpus.contains($0.uuid) })
      let point = (step: last[attempt.container]?.step ?? 0, timestamp: nanosecondsNow() / 1_000_000)
      let batch = LogBatch(
        metrics: metrics.map { key, value in
          LoggedMetric(
            key: "system/" + key, point: MetricPoint(step: point.step, timestamp: point.timestamp, value: value))
        })
      for run in runs { try await tracker.project(job.project).log(batch, to: run.identifier) }
    }
    last = last.filter { containers.contains($0.key) }
    pids = pids.filter { containers.contains($0.key) }
  }

  /// nil: it is the first look, or the container has gone.
  private func containerMetrics(_ job: Job, _ container: String) async throws -> [(String, Double)]? {
    if pids[container] == nil { pids[container] = try await podman.status(of: container)?.pid }
    guard let pid = pids[container], pid > 0, let usage = ContainerUsage.read(pid: pid) else { return nil }
    let now = ContinuousClock.now
    let before = last.updateValue(
      Sample(usage: usage, time: now, step: (last[container]?.step ?? -1) + 1), forKey: container)
    guard let before, usage.processorNanoseconds >= before.usage.processorNanoseconds else { return nil }
    let seconds = (now - before.time) / .seconds(1)
    let used = Double(usage.processorNanoseconds - before.usage.processorNanoseconds) / 1e9
    let memory = job.request.memoryBytes.map(Double.init) ?? memoryBytes
    return [
      // Of what the job may use.
      ("cpu_utilization_percentage", 100 * used / (seconds * (job.request.cpus ?? processors))),
      ("system_memory_usage_megabytes", Double(usage.memoryBytes) / 1e6),
      ("system_memory_usage_percentage", 100 * Double(usage.memoryBytes) / memory),
    ]
  }

  private static func metrics(of gpus: [GPUUsage]) -> [(String, Double)] {
    gpus.enumerated().flatMap { index, gpu in
      [
        ("gpu_\(index)_utilization_percentage", gpu.utilizationPercent),
        ("gpu_\(index)_memory_usage_megabytes", gpu.memoryMebibytes.map { $0 * 1.048576 }),
        ("gpu_\(index)_power_usage_watts", gpu.powerWatts),
      ].compactMap { name, value in value.map { (name, $0) } }
    }
  }
}
