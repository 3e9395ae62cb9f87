import Glibc
import Logging
import Records
import TestSupport

@testable import Tracker

/// A tracker in a directory of its own, which can be closed and opened again.
struct TrackerBench {
  private let scratch = TemporaryDirectory()

  /// A tracker that was let go of keeps its file until its writer's thread has returned from the last change.
  func open() throws -> Tracker {
    let deadline = ContinuousClock.now + .seconds(10)
    while true {
      do {
        return try Tracker(path: scratch.path + "/tracker.db", logger: Logger(label: "test"))
      } catch RecordFileError.inUse where ContinuousClock.now < deadline {
        sched_yield()
      }
    }
  }
}

extension ProjectTracker {
  func newRun(_ experiment: Int64 = 0, name: String? = nil, tags: [KeyValue] = [], job: String? = nil) async throws
    -> String
  {
    try await createRun(
      NewRun(
        experiment: experiment, name: name, user: nil, startTime: nil, tags: tags, job: job,
        attempt: job == nil ? nil : 1)
    ).run.identifier
  }

  func log(_ key: String, _ points: [MetricPoint], to run: String) async throws {
    try await log(LogBatch(metrics: points.map { LoggedMetric(key: key, point: $0) }), to: run)
  }
}
