/// The class of a job: which jobs go before which. The raw value is what the database, the API and the CLI show.
public enum JobPriority: String, CaseIterable, Codable, Sendable {
  /// Somebody waits in front of it: before all others, and in the place of preemptible ones.
  case interactive
  case normal
  /// After all others; it is stopped and queued again when one of them needs what it holds.
  case preemptible
}

extension JobPriority: Comparable {
  /// Whether jobs of `left` go before those of `right`.
  public static func < (left: JobPriority, right: JobPriority) -> Bool { left.rank < right.rank }

  private var rank: Int {
    switch self {
    case .interactive: 0
    case .normal: 1
    case .preemptible: 2
    }
  }
}
