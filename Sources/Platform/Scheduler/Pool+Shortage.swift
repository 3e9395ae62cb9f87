import JobStates

extension Pool {
  /// What a job lacks, where that is told by numbers alone; nil: it may have room.
  func plainShortage(of need: ResourceNeed) -> Shortage? {
    if case .whole(let count) = need.gpus, count > freeGPUs { return shortage(.gpus, needed: count, free: freeGPUs) }
    let cpus = need.milliCPUs ?? min(1000, host.milliCPUs)
    if cpus > milliCPUs { return shortage(.cpus, needed: cpus, free: milliCPUs) }
    if need.memoryBytes > memoryBytes { return shortage(.memory, needed: need.memoryBytes, free: memoryBytes) }
    return nil
  }

  /// What of it these lack first; asked where ``place(_:accepts:)`` found no room.
  func shortage(of needs: [ResourceNeed]) -> Shortage {
    var wanted = 0
    for need in needs { if case .whole(let count) = need.gpus { wanted += count } }
    if wanted > freeGPUs { return shortage(.gpus, needed: wanted, free: freeGPUs) }
    for need in needs {
      switch need.gpus {
      case .share(let share) where place([ResourceNeed(gpus: need.gpus, milliCPUs: 0)]) == nil:
        return shortage(.shards(of: share.of), needed: share.shards, free: 0)
      case .instance(let profile) where place([ResourceNeed(gpus: need.gpus, milliCPUs: 0)]) == nil:
        return shortage(.instances(profile: profile), needed: 1, free: 0)
      default: continue
      }
    }
    let cpus = needs.totalMilliCPUs(on: host)
    if cpus > milliCPUs { return shortage(.cpus, needed: cpus, free: milliCPUs) }
    if needs.totalMemoryBytes > memoryBytes {
      return shortage(.memory, needed: needs.totalMemoryBytes, free: memoryBytes)
    }
    // Each would fit, but not all of them together.
    let gpus = needs.reduce(0) { $0 + ($1.gpus == .none ? 0 : 1) }
    return shortage(.gpus, needed: gpus, free: freeGPUs)
  }

  private func shortage(_ resource: Shortage.Resource, needed: Int, free: Int) -> Shortage {
    let isGPU = resource != .cpus && resource != .memory
    return Shortage(
      resource: resource, needed: needed, free: free, external: isGPU ? uses.count { $0 == .external } : 0,
      faulty: isGPU ? uses.count { $0 == .faulty } : 0)
  }
}
