/// The one list of what may happen to a job.
public struct JobTransition: Hashable, Sendable {
  public let from: JobState
  public let to: JobState
  public let reason: JobReason

  public init(from: JobState, to: JobState, reason: JobReason) {
    self.from = from
    self.to = to
    self.reason = reason
  }

  /// Whether ``all`` has it.
  public var isLegal: Bool { Self.all.contains(self) }

  /// Every legal transition. Whatever is not in it is a mistake in the program.
  public static let all: Set<JobTransition> = Set(
    table.flatMap { row in
      row.reasons.map { JobTransition(from: row.from, to: row.to, reason: $0) }
    })

  private static let table: [(from: JobState, to: JobState, reasons: [JobReason])] = [
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

    (.stopping, .queued, [.preempted, .retry]),
    (.stopping, .stopped, [.requested]),
    (.stopping, .timedOut, [.timeLimit]),
    (.stopping, .lost, [.containerVanished, .hostRestarted]),
  ]
}
