/// The one list of what may happen to a job, whose state is what is wanted of it, and to an attempt, whose state is what
/// was seen of it.
public struct JobTransition: Hashable, Sendable {
  public let from: JobState
  public let to: JobState
  public let reason: JobReason

  public init(from: JobState, to: JobState, reason: JobReason) {
    self.from = from
    self.to = to
    self.reason = reason
  }

  /// Every legal transition of a job. Whatever is not in it is a mistake in the program.
  public static let all = transitions(jobTable)

  /// Every legal transition of an attempt.
  public static let ofAttempts = transitions(attemptTable)

  private typealias Row = (from: JobState, to: JobState, reasons: [JobReason])

  private static func transitions(_ table: [Row]) -> Set<JobTransition> {
    Set(table.flatMap { row in row.reasons.map { JobTransition(from: row.from, to: row.to, reason: $0) } })
  }

  private static let jobTable: [Row] = [
    (.queued, .starting, [.resourcesLeased]),
    (.queued, .stopped, [.requested]),
    (.queued, .failed, [.dependencyFailed, .groupIncomplete]),

    (.starting, .running, [.containerStarted]),
    (.starting, .queued, [.retry]),
    (.starting, .stopping, [.requested, .preempted]),
    (.starting, .failed, [.imageNotFound, .imageBuildFailed, .secretMissing, .storageFailed, .containerFailed]),
    (.starting, .lost, [.containerVanished, .hostRestarted]),

    (.running, .stopping, [.requested, .timeLimit, .preempted]),
    (.running, .queued, [.retry]),
    (.running, .succeeded, [.exitCode]),
    (.running, .failed, [.exitCode, .signal]),
    (.running, .outOfMemory, [.memoryLimit]),
    (.running, .lost, [.containerVanished, .hostRestarted]),

    // It was to be queued again; now it is not.
    (.stopping, .stopping, [.requested]),
    (.stopping, .queued, [.preempted, .retry]),
    (.stopping, .stopped, [.requested]),
    (.stopping, .timedOut, [.timeLimit]),
    (.stopping, .lost, [.containerVanished, .hostRestarted]),
  ]

  private static let attemptTable: [Row] = [
    (.starting, .running, [.containerStarted]),
    (.starting, .failed, [.imageNotFound, .imageBuildFailed, .secretMissing, .storageFailed, .containerFailed]),
    (.starting, .stopped, [.requested, .preempted]),
    (.starting, .lost, [.containerVanished, .hostRestarted]),

    (.running, .succeeded, [.exitCode]),
    (.running, .failed, [.exitCode, .signal]),
    (.running, .outOfMemory, [.memoryLimit]),
    (.running, .timedOut, [.timeLimit]),
    (.running, .stopped, [.requested, .preempted]),
    (.running, .lost, [.containerVanished, .hostRestarted]),
  ]
}
