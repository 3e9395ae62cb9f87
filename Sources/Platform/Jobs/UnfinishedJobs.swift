import ControlDatabase
import JobStates

/// The jobs that have not ended, as the database has them. To read ten thousand requests at each change takes longer
/// than to decide on them, so only what has changed is read.
struct UnfinishedJobs {
  /// In the order of submission.
  private(set) var queued: [Job] = []
  /// Those that hold resources.
  private(set) var active: [String: Job] = [:]
  private var sequences: [String: Int64] = [:]
  /// The number of the last event that is taken in; nil: none.
  private(set) var lastEvent: Int64?

  mutating func apply(_ changes: JobChanges) {
    lastEvent = changes.sequence
    for id in changes.removed { forget(id) }
    for job in changes.jobs.sorted(by: { $0.sequence < $1.sequence }) {
      forget(job.id)
      if job.state.isTerminal { continue }
      sequences[job.id] = job.sequence
      if job.state == .queued { queued.insert(job, at: place(of: job.sequence)) } else { active[job.id] = job }
    }
  }

  func contains(_ id: String) -> Bool { sequences[id] != nil }

  private mutating func forget(_ id: String) {
    active[id] = nil
    guard let sequence = sequences.removeValue(forKey: id) else { return }
    let place = place(of: sequence)
    if place < queued.count, queued[place].id == id { queued.remove(at: place) }
  }

  /// Where in the queue the first job is whose number is not below this.
  private func place(of sequence: Int64) -> Int {
    var (low, high) = (0, queued.count)
    while low < high {
      let middle = (low + high) / 2
      if queued[middle].sequence < sequence { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
