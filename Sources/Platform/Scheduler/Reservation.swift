/// When a job that runs gives back what it holds.
struct Release {
  let job: RunningJob
  /// nil: nobody knows.
  let by: Int64?
}

/// What is kept for the first of the queue that has to wait.
struct Reservation {
  let job: String
  /// When it starts at the latest; nil: nobody knows.
  let by: Int64?
  /// The last of the jobs that it waits for; nil: none, but a program that is no job.
  let lastRelease: String?
  private let needs: [ResourceNeed]
  /// What is free then, of which it needs a part.
  private var pool: Pool

  /// - Parameter pool: what is free now.
  /// - Returns: nil where there is not enough for it even when everything has ended.
  init?(for job: String, _ needs: [ResourceNeed], pool: Pool, releases: [Release], now: Int64) {
    // Of those of which nobody knows, the one that has run longest is taken to end first.
    let ordered = releases.sorted { left, right in
      let (a, b) = (left.by ?? .max, right.by ?? .max)
      if a != b { return a < b }
      return left.job.startedAt != right.job.startedAt
        ? left.job.startedAt < right.job.startedAt : left.job.id < right.job.id
    }
    var pool = pool
    for (index, release) in ordered.enumerated() {
      pool.give(release.job.need, release.job.slots)
      // What ends at the same time is free at the same time.
      if let by = release.by, index + 1 < ordered.count, ordered[index + 1].by == by { continue }
      guard pool.place(needs) != nil else { continue }
      (self.job, by, lastRelease, self.needs, self.pool) = (
        job, release.by.map { max($0, now) }, release.job.id, needs, pool
      )
      return
    }
    pool.giveExternal()
    guard pool.place(needs) != nil else { return nil }
    (self.job, by, lastRelease, self.needs, self.pool) = (job, nil, nil, needs, pool)
  }

  /// Whether others may have these places until then without making it wait longer.
  /// - Parameter end: nil: nobody knows.
  func allows(_ others: [ResourceNeed], _ places: [[DeviceSlot]], until end: Int64?) -> Bool {
    if endsBefore(end) { return true }
    var pool = pool
    for (need, slots) in zip(others, places) { pool.take(need, slots) }
    return pool.place(needs) != nil
  }

  mutating func take(_ others: [ResourceNeed], _ places: [[DeviceSlot]], until end: Int64?) {
    if endsBefore(end) { return }
    for (need, slots) in zip(others, places) { pool.take(need, slots) }
  }

  private func endsBefore(_ end: Int64?) -> Bool {
    guard let end else { return false }
    guard let by else { return true }
    return end <= by
  }
}
