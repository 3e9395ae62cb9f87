/// Where a notebook stands. The raw value is what the database, the API and the CLI show.
public enum NotebookState: String, CaseIterable, Codable, Sendable {
  /// Its job waits for resources or is starting, or its server does not answer yet.
  case starting
  case running
  /// It will be stopped soon: it is idle, or its time is nearly up.
  case expiring
  /// Its server is ending, and its volumes become a snapshot.
  case stopping
  /// Nothing of it runs; its volumes wait for it to be resumed.
  case stopped
  /// As stopped, but nobody had asked for it: the reason and the detail say what happened.
  case failed
  /// It is being deleted.
  case removing

  /// Whether it has a job.
  public var isActive: Bool {
    switch self {
    case .starting, .running, .expiring, .stopping: true
    case .stopped, .failed, .removing: false
    }
  }

  /// Whether there is a server to be reached.
  public var isReachable: Bool { self == .running || self == .expiring }
}

/// Why a notebook is in the state it is in. The raw value is what the database, the API and the CLI show.
public enum NotebookReason: String, CaseIterable, Codable, Sendable {
  case created
  case resumed
  /// It began as a clone of another.
  case forked
  case serverReady = "server_ready"
  /// Its kernels, processors and GPUs have had nothing to do for long.
  case idle
  /// It has run as long as it may.
  case lifetime
  /// It is being used again.
  case activity
  /// Somebody asked for it.
  case requested
  /// Its server ended by itself.
  case serverEnded = "server_ended"
  /// Its server never answered.
  case startFailed = "start_failed"
}

/// The one list of what may happen to a notebook.
public struct NotebookTransition: Hashable, Sendable {
  public let from: NotebookState
  public let to: NotebookState
  public let reason: NotebookReason

  public init(from: NotebookState, to: NotebookState, reason: NotebookReason) {
    self.from = from
    self.to = to
    self.reason = reason
  }

  /// Whether ``all`` has it.
  public var isLegal: Bool { Self.all.contains(self) }

  /// Every legal transition. Whatever is not in it is a mistake in the program.
  public static let all: Set<NotebookTransition> = Set(
    table.flatMap { row in
      row.reasons.map { NotebookTransition(from: row.from, to: row.to, reason: $0) }
    })

  private static let table: [(from: NotebookState, to: NotebookState, reasons: [NotebookReason])] = [
    (.starting, .running, [.serverReady]),
    (.starting, .stopping, [.requested, .startFailed]),

    (.running, .expiring, [.idle, .lifetime]),
    (.running, .stopping, [.requested, .idle, .lifetime, .serverEnded]),

    (.expiring, .running, [.activity]),
    (.expiring, .stopping, [.requested, .idle, .lifetime, .serverEnded]),

    // What it was stopped for stays its reason.
    (.stopping, .stopped, [.requested, .idle, .lifetime]),
    (.stopping, .failed, [.serverEnded, .startFailed]),

    (.stopped, .starting, [.resumed]),
    (.stopped, .removing, [.requested]),
    (.failed, .starting, [.resumed]),
    (.failed, .removing, [.requested]),
  ]
}
