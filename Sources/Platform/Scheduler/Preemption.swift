import JobStates

/// Which preemptible jobs to end so that these fit; none where they will fit without, or would not even so.
///
/// The youngest go first, since the least work is lost with them; of a group all go.
func victims(for needs: [ResourceNeed], pool: Pool, running: [RunningJob]) -> [String] {
  var pool = pool
  for job in running where job.isStopping { pool.give(job.need, job.slots) }
  if pool.place(needs) != nil { return [] }

  let preemptible = running.filter { $0.priority == .preemptible && !$0.isStopping }
  let units = Dictionary(grouping: preemptible) { $0.group ?? $0.id }.values.sorted { left, right in
    let (a, b) = (left.map(\.startedAt).max() ?? 0, right.map(\.startedAt).max() ?? 0)
    return a != b ? a > b : left[0].id < right[0].id
  }
  var chosen: [[RunningJob]] = []
  for unit in units {
    chosen.append(unit)
    for job in unit { pool.give(job.need, job.slots) }
    if pool.place(needs) != nil { break }
  }
  guard pool.place(needs) != nil else { return [] }
  // Spare those that made no difference, the oldest first.
  for index in chosen.indices.reversed() {
    var without = pool
    for job in chosen[index] { without.take(job.need, job.slots) }
    if without.place(needs) != nil {
      pool = without
      chosen.remove(at: index)
    }
  }
  return chosen.joined().map(\.id)
}
