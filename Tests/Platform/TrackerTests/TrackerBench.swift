import Logging
import TestSupport

@testable import Tracker

/// A tracker in a directory of its own, which can be closed and opened again.
struct TrackerBench {
  private let scratch = TemporaryDirectory()

  /// One that was opened before must be closed.
  func open() throws -> Tracker { try Tracker(path: scratch.path + "/tracker.db", logger: Logger(label: "test")) }
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
