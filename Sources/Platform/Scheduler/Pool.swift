import JobStates

/// What is free of a host. A value: trying something out is a copy.
struct Pool: Sendable {
  /// What is taken of a GPU.
  enum Use: Hashable, Sendable {
    case free
    case whole
    /// A bit for each shard that is taken; never 0.
    case shards(of: Int, taken: UInt64)
    /// A bit for each MIG instance that is taken.
    case instances(taken: UInt64)
    /// By a program that is no job.
    case external
    /// By nobody: it can't be used.
    case faulty
  }

  let host: Host
  private(set) var uses: [Use]
  /// Below 0 where jobs that do not say what they need run beside each other.
  private(set) var milliCPUs: Int
  private(set) var memoryBytes: Int
  private(set) var freeGPUs: Int

  init(_ host: Host) {
    self.host = host
    uses = host.gpus.map { gpu in
      if gpu.isFaulty { return .faulty }
      return gpu.isBusyExternally ? .external : gpu.instances.isEmpty ? .free : .instances(taken: 0)
    }
    milliCPUs = host.milliCPUs
    memoryBytes = host.memoryBytes
    freeGPUs = uses.count { $0 == .free }
  }

  // MARK: Taking and giving back

  mutating func take(_ need: ResourceNeed, _ slots: [DeviceSlot]) {
    milliCPUs -= need.takenMilliCPUs
    memoryBytes -= need.memoryBytes
    for slot in slots { change(slot, taken: true) }
  }

  mutating func give(_ need: ResourceNeed, _ slots: [DeviceSlot]) {
    milliCPUs += need.takenMilliCPUs
    memoryBytes += need.memoryBytes
    for slot in slots { change(slot, taken: false) }
  }

  /// The programs that are no jobs are gone.
  mutating func giveExternal() {
    for index in uses.indices where uses[index] == .external {
      uses[index] = host.gpus[index].instances.isEmpty ? .free : .instances(taken: 0)
      if uses[index] == .free { freeGPUs += 1 }
    }
  }

  private mutating func change(_ slot: DeviceSlot, taken: Bool) {
    // A device that the host has no more is nobody's.
    guard let place = host.devices[slot.device] else { return }
    let before = uses[place.gpu]
    // Who is on it still is no reason to hand it out after.
    if before == .faulty { return }
    uses[place.gpu] = Self.use(before, slot, instance: place.instance, taken: taken)
    freeGPUs += (uses[place.gpu] == .free ? 1 : 0) - (before == .free ? 1 : 0)
  }

  private static func use(_ use: Use, _ slot: DeviceSlot, instance: Int?, taken: Bool) -> Use {
    if let instance {
      guard case .instances(let mask) = use else { return use }
      return .instances(taken: taken ? mask | 1 << instance : mask & ~(1 << instance))
    }
    if slot.shards <= 1 { return taken ? .whole : use == .whole ? .free : use }
    let bit: UInt64 = 1 << slot.shard
    switch use {
    case .shards(let of, let mask):
      let mask = taken ? mask | bit : mask & ~bit
      return mask == 0 ? .free : .shards(of: of, taken: mask)
    case .free, .external: return taken ? .shards(of: slot.shards, taken: bit) : use
    case .whole, .instances, .faulty: return use
    }
  }

  // MARK: Finding room

  /// Devices for jobs that start together, one list for each; nil: there is no room for them now.
  ///
  /// - Parameter accepts: asked of each way there is to place them, the best first, until it says yes.
  func place(_ needs: [ResourceNeed], accepts: ([[DeviceSlot]]) -> Bool = { _ in true }) -> [[DeviceSlot]]? {
    guard holdsCPUsAndMemory(needs) else { return nil }
    if needs.count == 1 {
      switch needs[0].gpus {
      case .none: return accepts([[]]) ? [[]] : nil
      case .whole: break
      case .share(let share): return placesForShare(share).first { accepts([$0]) }.map { [$0] }
      case .instance(let profile): return placesForInstance(profile).first { accepts([$0]) }.map { [$0] }
      }
    }
    guard let places = placeTogether(needs), accepts(places) else { return nil }
    return places
  }

  func holdsCPUsAndMemory(_ needs: [ResourceNeed]) -> Bool {
    needs.totalMilliCPUs(on: host) <= milliCPUs && needs.totalMemoryBytes <= memoryBytes
  }

  private func placeTogether(_ needs: [ResourceNeed]) -> [[DeviceSlot]]? {
    // All whole GPUs are chosen at once, so that those who start together are close together, too.
    let wanted = needs.map { if case .whole(let count) = $0.gpus { count } else { 0 } }
    let total = wanted.reduce(0, +)
    guard total <= freeGPUs, let chosen = host.islands.choose(total, free: { uses[$0] == .free }) else { return nil }
    var left = chosen[...]
    var pool = self
    var places = wanted.map { count -> [DeviceSlot] in
      defer { left = left.dropFirst(count) }
      return left.prefix(count).map { DeviceSlot(device: host.gpus[$0].uuid) }
    }
    for slots in places { for slot in slots { pool.change(slot, taken: true) } }
    for (index, need) in needs.enumerated() {
      switch need.gpus {
      case .none, .whole: continue
      case .share(let share): places[index] = pool.placesForShare(share).first ?? []
      case .instance(let profile): places[index] = pool.placesForInstance(profile).first ?? []
      }
      if places[index].isEmpty { return nil }
      for slot in places[index] { pool.change(slot, taken: true) }
    }
    return places
  }

  /// The fullest GPU that has room first; one that is not divided yet last.
  private func placesForShare(_ share: GPUShare) -> [[DeviceSlot]] {
    var divided: [(free: Int, slots: [DeviceSlot])] = []
    for (index, use) in uses.enumerated() {
      guard case .shards(share.of, let taken) = use else { continue }
      let free = (0..<share.of).filter { taken & (1 << UInt64($0)) == 0 }
      guard free.count >= share.shards else { continue }
      divided.append(
        (
          free.count,
          free.prefix(share.shards).map { DeviceSlot(device: host.gpus[index].uuid, shard: $0, shards: share.of) }
        ))
    }
    var places = divided.sorted { $0.free < $1.free }.map(\.slots)
    if freeGPUs > 0, let gpu = host.islands.choose(1, free: { uses[$0] == .free })?.first {
      places.append((0..<share.shards).map { DeviceSlot(device: host.gpus[gpu].uuid, shard: $0, shards: share.of) })
    }
    return places
  }

  /// On the fullest GPU first.
  private func placesForInstance(_ profile: String) -> [[DeviceSlot]] {
    var found: [(used: Int, slots: [DeviceSlot])] = []
    for (index, use) in uses.enumerated() {
      guard case .instances(let taken) = use else { continue }
      for (number, instance) in host.gpus[index].instances.enumerated()
      where instance.profile == profile && taken & (1 << UInt64(number)) == 0 {
        found.append((taken.nonzeroBitCount, [DeviceSlot(device: instance.uuid)]))
        break
      }
    }
    return found.sorted { $0.used > $1.used }.map(\.slots)
  }
}

extension [ResourceNeed] {
  /// Jobs that don't say how many processors they need are content with what there is.
  func totalMilliCPUs(on host: Host) -> Int {
    let said = reduce(0) { $0 + ($1.milliCPUs ?? 0) }
    let silent = count { $0.milliCPUs == nil } * 1000
    return Swift.max(said, Swift.min(said + silent, host.milliCPUs))
  }

  var totalMemoryBytes: Int { reduce(0) { $0 + $1.memoryBytes } }
}
