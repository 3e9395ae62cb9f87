/// Resources of a host, or what a job needs of them.
public struct Resources: Hashable, Sendable {
  public var gpus: Int
  public var cpus: Double
  public var memoryBytes: UInt64

  public init(gpus: Int, cpus: Double, memoryBytes: UInt64) {
    self.gpus = gpus
    self.cpus = cpus
    self.memoryBytes = memoryBytes
  }

  func holds(_ other: Resources) -> Bool {
    other.gpus <= gpus && other.cpus <= cpus && other.memoryBytes <= memoryBytes
  }

  /// What is left when `other` is taken, nothing being less than none.
  func less(_ other: Resources) -> Resources {
    Resources(
      gpus: max(gpus - other.gpus, 0), cpus: max(cpus - other.cpus, 0),
      memoryBytes: memoryBytes > other.memoryBytes ? memoryBytes - other.memoryBytes : 0)
  }
}

/// Which of the waiting jobs start now: their places in `queue`, which has the oldest first.
///
/// First come, first served. What a job waits for is kept for it: a later job starts before it only if it needs nothing
/// that the earlier one lacks. So a small job need not wait for a GPU that it does not want, and a large one is never
/// passed over for ever.
public func schedule(queue: [Resources], free: Resources) -> [Int] {
  var left = free
  return queue.indices.filter { index in
    let starts = left.holds(queue[index])
    left = left.less(queue[index])
    return starts
  }
}
